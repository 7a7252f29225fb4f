import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processStartTicks } from '../../src/shared/memory/slots.ts';
import { get, openClient } from '../helpers/client.ts';
import { until } from '../helpers/deadline.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Origin, startOrigin } from '../helpers/origin.ts';
import { freePort } from '../helpers/ports.ts';

const REQUESTS = 'http_requests_total{route="all",method="GET",status="200"}';

/** A listener on a port that outlives its primary. */
function configOf(origin: Origin, port: number, admin = 0): string {
  return `
listeners: [{ address: 127.0.0.1:${port} }]
admin: { address: 127.0.0.1:${admin} }
upstreams: { origin: { endpoints: ['${origin.url}'] } }
routes: [{ id: all, path_prefix: /, upstream: origin }]
`;
}

test('after kill -9 of the primary its workers serve on, and the next primary takes over what they counted', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  const [port, admin] = [await freePort(), await freePort()];
  const config = configOf(origin, port, admin);
  const url = `http://127.0.0.1:${port}`;
  await using first = await startGateway({ config, workers: 2 });
  const orphans = await first.workerPids();
  for (let round = 0; round < 5; round++) assert.equal((await get(url)).status, 200);
  const established = openClient();
  assert.equal((await established.get(url)).status, 200);

  await first.kill9();
  assert.equal((await established.get(url)).status, 200, 'established connections are served');
  assert.equal((await get(url)).status, 200, 'new ones too');
  // a request that began on the old generation is still in the ledger of the new one
  origin.hold();
  const held = get(`${url}/held`, { ms: 60_000 });
  await origin.arrived(9);

  await using second = await startGateway({ config, workers: 2, directory: first.directory });
  assert.match(second.stderr(), /control segment adopted/);
  const state = await second.state();
  assert.equal(state.epoch, 2, 'the epoch goes on');
  assert.equal(state.workers.length, 2);
  assert.equal((await second.metrics()).get(REQUESTS), 8, 'counters go on');
  assert.equal((await second.metrics()).get('upstream_requests_active{upstream="origin"}'), 1);
  origin.release();
  assert.equal((await held).status, 200, 'the orphan finished what it had');
  assert.equal((await established.get(url)).status, 200);
  established.close();
  await until(20_000, 'the orphans are gone', () => orphans.every((pid) => processStartTicks(pid) === 0));
  await second.stateWhen(({ orphans }) => orphans.length === 0);
  const metrics = await second.metrics();
  assert.equal(metrics.get(REQUESTS), 10);
  assert.equal(metrics.get('upstream_requests_active{upstream="origin"}'), 0);
  assert.equal(metrics.get('connections_active'), 0);
});

test('what a worker held that died while no primary lived is given back at the takeover', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  const port = await freePort();
  const config = configOf(origin, port);
  await using first = await startGateway({ config });
  const [worker] = await first.workerPids();
  origin.hold();
  const cut = assert.rejects(get(`http://127.0.0.1:${port}/`));
  await origin.arrived(1);
  await first.kill9();
  process.kill(worker as number, 'SIGKILL');
  await cut;
  await using second = await startGateway({ config, directory: first.directory });
  assert.equal((await second.metrics()).get('upstream_requests_active{upstream="origin"}'), 0);
  assert.deepEqual((await second.state()).orphans, []);
  origin.release();
  assert.equal((await get(second.url)).status, 200);
});

test('a second primary is refused while the first lives, and disturbs nobody', async () => {
  await using gateway = await startGateway({ config: 'listeners: [{ address: 127.0.0.1:0 }]\n' });
  const pids = await gateway.workerPids();
  await assert.rejects(
    startGateway({ config: 'listeners: [{ address: 127.0.0.1:0 }]\n', directory: gateway.directory }),
    new RegExp(`ended with 1 before[^]*weir: Weir is already running with this config as pid ${gateway.pid}\\.`),
  );
  assert.deepEqual(await gateway.workerPids(), pids);
  assert.equal((await gateway.admin('/readyz')).status, 200);
});

test('a drain takes the orphans of an earlier primary along', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  const port = await freePort();
  const config = configOf(origin, port);
  await using first = await startGateway({ config });
  const [orphan] = await first.workerPids();
  origin.hold();
  const held = get(`http://127.0.0.1:${port}/`, { ms: 60_000 });
  await origin.arrived(1);
  await first.kill9();
  await using second: Gateway = await startGateway({ config, directory: first.directory });
  assert.deepEqual((await second.state()).orphans, [orphan]);
  second.child.kill('SIGTERM');
  await second.stderrMatch(/"msg":"draining"/);
  assert.equal(second.exited(), false, 'it waits for the request that the orphan still has');
  origin.release();
  assert.equal((await held).status, 200);
  assert.equal(await second.exit(), 0);
  assert.equal(processStartTicks(orphan as number), 0, 'the orphan is gone');
  assert.deepEqual(second.leftovers(), []);
});
