import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { Addresses } from '../../src/primary/reload/addresses.ts';
import { portHolder } from '../../src/primary/reload/port-holder.ts';
import type { ListenerPlan } from '../../src/shared/plan.ts';

const NOBODY = new Set<number>();

function listener(port: number, host = '127.0.0.1'): ListenerPlan {
  return { key: `${host}:${port}`, host, port };
}

async function listening(host = '127.0.0.1'): Promise<{ server: Server; port: number }> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, host, () => resolve((server.address() as { port: number }).port));
  });
  return { server, port };
}

test('port 0 becomes a port that others cannot take until it is released, and stays the same', async () => {
  const addresses = new Addresses();
  const [first, again] = [listener(0), listener(0)];
  await addresses.resolve([first], NOBODY, true);
  assert.ok(first.port > 0);
  assert.equal(await portHolder(first.port), process.pid);
  addresses.commit();
  await addresses.release();
  assert.equal(await portHolder(first.port), null);
  await addresses.resolve([again], NOBODY, true);
  assert.equal(again.port, first.port);
});

test('a listener that a plan dropped loses its port', async () => {
  const addresses = new Addresses();
  await addresses.resolve([listener(0)], NOBODY, true);
  addresses.commit();
  await addresses.release();
  await addresses.resolve([], NOBODY, true);
  addresses.commit();
  const later = listener(0);
  await addresses.resolve([later], NOBODY, true);
  assert.equal(await portHolder(later.port), process.pid, 'it is reserved anew');
  await addresses.release();
});

test('an address that is taken is refused with its holder, unless the holder is one of ours', async () => {
  const { server, port } = await listening();
  await assert.rejects(new Addresses().resolve([listener(port)], NOBODY, true), {
    name: 'OperatorError',
    message: `Cannot listen on 127.0.0.1:${port}: pid ${process.pid} holds that port. Stop it, or choose another port.`,
  });
  await new Addresses().resolve([listener(port)], new Set([process.pid]), true);
  await new Addresses().resolve([listener(port)], NOBODY, false);
  server.close();
});

test('an address of another machine is refused in words', async () => {
  await assert.rejects(new Addresses().resolve([listener(8080, '192.0.2.1')], NOBODY, true), {
    name: 'OperatorError',
    message: 'Cannot listen on 192.0.2.1:8080: this machine has no address 192.0.2.1.',
  });
});

test('an address that is in force already is not tried again', async () => {
  const { server, port } = await listening();
  const addresses = new Addresses();
  await addresses.resolve([listener(port)], NOBODY, false);
  addresses.commit();
  await addresses.resolve([listener(port)], NOBODY, true);
  server.close();
});
