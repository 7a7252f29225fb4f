import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { test } from 'node:test';
import { processStartTicks } from '../../src/shared/memory/slots.ts';
import { get } from '../helpers/client.ts';
import { until } from '../helpers/deadline.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { startOrigin } from '../helpers/origin.ts';

const HELLO = `
listeners: [{ address: 127.0.0.1:0 }]
routes: [{ id: hello, path: /hello, policies: { respond: { body: hello } } }]
`;

function proxyTo(origin: string): string {
  return `
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { origin: { endpoints: ['${origin}'] } }
routes: [{ id: all, path_prefix: /, upstream: origin }]
`;
}

test('says when it is ready and where, serves, and leaves nothing behind', async () => {
  await using gateway = await startGateway({ config: HELLO, workers: 2 });
  const lines = gateway.stdout().split('\n');
  assert.match(lines[0] ?? '', new RegExp(`^weir \\d+\\.\\d+\\.\\d+ ready: 2 workers, 1 routes, pid ${gateway.pid}$`));
  assert.match(lines[1] ?? '', /^ {2}gateway {2}http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  assert.match(lines[2] ?? '', /^ {2}admin {4}http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  assert.equal((await get(`${gateway.url}/hello`)).text, 'hello');
  const pids = await gateway.workerPids();
  assert.equal(pids.length, 2);
  gateway.child.kill('SIGTERM');
  assert.equal(await gateway.exit(), 0);
  assert.deepEqual(gateway.leftovers(), []);
  for (const pid of pids) assert.equal(processStartTicks(pid), 0, `worker ${pid} is gone`);
});

test('a drain answers what is in flight, refuses new connections and says so at /readyz', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  await using gateway = await startGateway({ config: proxyTo(origin.url) });
  origin.hold();
  const inFlight = get(`${gateway.url}/slow`);
  await origin.arrived(1);
  assert.equal((await gateway.admin('/readyz')).status, 200);
  gateway.child.kill('SIGTERM');
  await until(5000, '/readyz is 503', async () => (await gateway.admin('/readyz')).status === 503);
  assert.equal((await gateway.admin('/livez')).status, 200);
  await until(5000, 'connections are refused', () => refused(gateway));
  origin.release();
  assert.equal((await inFlight).status, 200);
  assert.equal(await gateway.exit(), 0);
});

test('a second SIGTERM ends it at once', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  await using gateway = await startGateway({ config: proxyTo(origin.url) });
  origin.hold();
  const inFlight = get(`${gateway.url}/held`).then(
    () => 'answered',
    () => 'cut',
  );
  await origin.arrived(1);
  gateway.child.kill('SIGTERM');
  await gateway.stderrMatch(/"msg":"draining"/);
  gateway.child.kill('SIGTERM');
  assert.equal(await gateway.exit(5000), 0);
  assert.equal(await inFlight, 'cut');
  assert.deepEqual(gateway.leftovers(), []);
});

test('SIGTERM during the start ends it in order', async () => {
  let stopped = false;
  const starting = startGateway({
    config: HELLO,
    workers: 2,
    onSpawn: (child) => {
      // the last handler of early-signals.ts stands: nothing else of Weir is loaded yet
      void until(10_000, 'the door is open', () => handles(child.pid, 'SIGUSR2'), 1).then(() => {
        stopped = child.kill('SIGTERM');
      });
    },
  });
  await assert.rejects(starting, /weir run ended with 0 before it was ready/);
  assert.ok(stopped);
});

test('an address that somebody holds is named with its holder, and the exit code is 1', async () => {
  const holder = createServer();
  const port = await new Promise<number>((resolve) => {
    holder.listen(0, '127.0.0.1', () => resolve((holder.address() as { port: number }).port));
  });
  await assert.rejects(
    startGateway({ config: HELLO.replace('127.0.0.1:0', `127.0.0.1:${port}`) }),
    new RegExp(
      `ended with 1 before.*\\n(.*\\n)*weir: Cannot listen on 127\\.0\\.0\\.1:${port}: pid ${process.pid} holds that port\\.`,
    ),
  );
  await assert.rejects(
    startGateway({ config: `admin: { address: 127.0.0.1:${port} }\n${HELLO}` }),
    new RegExp(`Cannot listen on the admin address 127\\.0\\.0\\.1:${port}: pid ${process.pid} holds that port\\.`),
  );
  await new Promise((resolve) => holder.close(resolve));
});

test('a config with faults is refused with all of them and exit code 78', async () => {
  const faulty = `${HELLO}upstream: {}\nworkers: many\n`;
  await assert.rejects(startGateway({ config: faulty }), (error: Error) => {
    assert.match(error.message, /ended with 78 before/);
    assert.match(error.message, /gateway\.yaml:5:1: error: .*upstream/);
    assert.match(error.message, /gateway\.yaml:6:10: error: workers must be auto/);
    return true;
  });
});

async function refused(gateway: Gateway): Promise<boolean> {
  return get(gateway.url).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );
}

/** Whether the process has a handler for the signal by now. */
function handles(pid: number | undefined, signal: keyof typeof constants.signals): boolean {
  const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}
