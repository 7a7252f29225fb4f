import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { get } from '../helpers/client.ts';
import { startGateway } from '../helpers/gateway.ts';
import { startOrigin } from '../helpers/origin.ts';
import { freePort } from '../helpers/ports.ts';

function answering(body: string, listeners = ['127.0.0.1:0']): string {
  return `
admin: { address: 127.0.0.1:0 }
listeners: [${listeners.map((address) => `{ address: '${address}' }`).join(', ')}]
routes: [{ id: answer, path: /answer, policies: { respond: { body: ${body} } } }]
`;
}

test('a reload changes what is answered, in every worker, and counts', async () => {
  await using gateway = await startGateway({ config: answering('one'), workers: 2 });
  const { epoch } = await gateway.state();
  assert.equal((await get(`${gateway.url}/answer`)).text, 'one');
  const result = await gateway.reload(answering('two'));
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.epoch, epoch + 1);
  assert.equal(result.workers.length, 2);
  for (let round = 0; round < 6; round++) assert.equal((await get(`${gateway.url}/answer`)).text, 'two');
  const state = await gateway.state();
  assert.deepEqual(state.reload, result);
  assert.deepEqual(
    state.workers.map(({ epochBuilt }) => epochBuilt),
    [epoch + 1, epoch + 1],
  );
  const metrics = await gateway.metrics();
  assert.equal(metrics.get('config_epoch'), epoch + 1);
  assert.equal(metrics.get('config_reload_total{result="success"}'), 1);
  assert.equal(metrics.get('config_reload_total{result="failure"}'), 0);
});

test('a config with faults changes nothing and says where they are', async () => {
  await using gateway = await startGateway({ config: answering('one') });
  const { epoch, hash } = await gateway.state();
  const faulty = `${answering('two')}upstreams: { a: { endpoints: [nonsense] } }\n`;
  writeFileSync(gateway.configPath, faulty);
  const answer = await gateway.admin('/-/reload', { method: 'POST' });
  assert.equal(answer.status, 422);
  const result = (await answer.json()) as Awaited<ReturnType<typeof gateway.reload>>;
  assert.equal(result.ok, false);
  assert.equal(result.epoch, epoch);
  assert.equal(result.faults[0]?.line, 5);
  assert.equal((await get(`${gateway.url}/answer`)).text, 'one');
  assert.equal((await gateway.state()).hash, hash);
  assert.match(gateway.stderr(), /gateway\.yaml:5:\d+: /);
  assert.equal((await gateway.metrics()).get('config_reload_total{result="failure"}'), 1);
});

for (const signal of ['SIGUSR1', 'SIGHUP'] as const) {
  test(`${signal} reloads`, async () => {
    await using gateway = await startGateway({ config: answering('one') });
    writeFileSync(gateway.configPath, answering('two'));
    gateway.child.kill(signal);
    const { reload } = await gateway.stateWhen((state) => state.reload !== null);
    assert.equal(reload?.source, signal);
    assert.ok(reload?.ok);
    assert.equal((await get(`${gateway.url}/answer`)).text, 'two');
  });
}

test('listeners come and go, and one on port 0 keeps its port', async () => {
  const port = await freePort();
  await using gateway = await startGateway({ config: answering('one'), workers: 2 });
  const added = await gateway.reload(answering('two', ['127.0.0.1:0', `127.0.0.1:${port}`]));
  assert.ok(added.ok, JSON.stringify(added));
  assert.equal((await get(`http://127.0.0.1:${port}/answer`)).text, 'two');
  assert.equal((await get(`${gateway.url}/answer`)).text, 'two', 'the same port as before');
  const removed = await gateway.reload(answering('three', [`127.0.0.1:${port}`]));
  assert.ok(removed.ok, JSON.stringify(removed));
  assert.equal((await get(`http://127.0.0.1:${port}/answer`)).text, 'three');
  await assert.rejects(get(`${gateway.url}/answer`), { code: 'ECONNREFUSED' });
});

test('a new listener whose address is taken is refused by name, and the old plan stays', async () => {
  const holder = createServer();
  const port = await new Promise<number>((resolve) => {
    holder.listen(0, '127.0.0.1', () => resolve((holder.address() as { port: number }).port));
  });
  await using gateway = await startGateway({ config: answering('one') });
  writeFileSync(gateway.configPath, answering('two', ['127.0.0.1:0', `127.0.0.1:${port}`]));
  const answer = await gateway.admin('/-/reload', { method: 'POST' });
  assert.equal(answer.status, 409);
  const { reason } = (await answer.json()) as { reason: string };
  assert.equal(
    reason,
    `Cannot listen on 127.0.0.1:${port}: pid ${process.pid} holds that port. Stop it, or choose another port.`,
  );
  assert.equal((await get(`${gateway.url}/answer`)).text, 'one');
  await new Promise((resolve) => holder.close(resolve));
});

test('a request in flight ends on the plan that it began with', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  const before = `
admin: { address: 127.0.0.1:0 }
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { leaving: { endpoints: ['${origin.url}'] } }
routes: [{ id: answer, path: /answer, upstream: leaving }]
`;
  await using gateway = await startGateway({ config: before });
  origin.hold();
  const inFlight = get(`${gateway.url}/answer`);
  await origin.arrived(1);
  assert.ok((await gateway.reload(answering('new'))).ok);
  assert.equal((await get(`${gateway.url}/answer`)).text, 'new');
  origin.release();
  assert.equal((await inFlight).status, 200);
});

test('a worker that is killed comes back with the plan of the last reload', async () => {
  await using gateway = await startGateway({ config: answering('one') });
  assert.ok((await gateway.reload(answering('two'))).ok);
  const [pid] = await gateway.workerPids();
  process.kill(pid as number, 'SIGKILL');
  await gateway.stateWhen(({ workers }) => workers[0]?.state === 'ready' && workers[0].pid !== pid);
  assert.equal((await get(`${gateway.url}/answer`)).text, 'two');
});
