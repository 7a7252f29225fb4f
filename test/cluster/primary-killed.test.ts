// The primary is no part of a request's way: killed under load it is missed by nobody, and its successor takes over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processStartTicks } from '../../src/shared/memory/slots.ts';
import { atRest } from '../gateway/rest.ts';
import { until } from '../helpers/deadline.ts';
import { startGateway } from '../helpers/gateway.ts';
import { delayed, reply, startOrigin } from '../helpers/origin.ts';
import { freePort } from '../helpers/ports.ts';
import { Load } from './load.ts';

test('kill -9 of the primary under load fails no request, nor does the next primary that takes over', async (t) => {
  const origin = await startOrigin(delayed(2, reply(200, 'ok')));
  t.after(() => origin.close());
  const [port, admin] = [await freePort(), await freePort()];
  const options = {
    workers: 2,
    config: `
listeners: [{ address: 127.0.0.1:${port} }]
admin: { address: 127.0.0.1:${admin} }
upstreams: { origin: { endpoints: ['${origin.url}'], max_concurrent_requests: 100 } }
routes: [{ id: all, path_prefix: /, upstream: origin }]
`,
  };
  await using first = await startGateway(options);
  const orphans = await first.workerPids();
  const url = `http://127.0.0.1:${port}/`;
  const established = new Load({ url, clients: 8, keepAlive: true, pauseMs: 5 });
  const fresh = new Load({ url, clients: 4, keepAlive: false, pauseMs: 10 });
  t.after(() => Promise.all([established.stop(), fresh.stop()]));
  const answered = (load: Load, more: number) => {
    const goal = load.seen.length + more;
    return until(10_000, `${more} more answers`, () => load.seen.length >= goal);
  };
  await answered(fresh, 50);
  const counted = (await first.metrics()).get('http_requests_total{route="all",method="GET",status="200"}')!;
  assert.ok(counted > 0);

  await first.kill9();
  await Promise.all([answered(established, 300), answered(fresh, 150)]);
  for (const pid of orphans) assert.notEqual(processStartTicks(pid), 0, 'the workers live on');

  await using second = await startGateway({ ...options, directory: first.directory });
  assert.match(second.stderr(), /control segment adopted/);
  await Promise.all([answered(established, 300), answered(fresh, 150)]);
  await until(20_000, 'the old workers to be gone', () => orphans.every((pid) => processStartTicks(pid) === 0));
  await Promise.all([established.stop(), fresh.stop()]);

  for (const load of [established, fresh]) {
    assert.deepEqual(
      load.errors().map(({ error }) => error?.message),
      [],
    );
    assert.deepEqual([...load.statuses().keys()], [200]);
  }
  const metrics = await atRest(second);
  // over both lives of the host nothing was counted twice or lost
  assert.equal(
    metrics.get('http_requests_total{route="all",method="GET",status="200"}'),
    established.seen.length + fresh.seen.length,
  );
  assert.equal(metrics.get('http_requests_active'), 0);
  assert.equal(metrics.get('upstream_connection_saturation_ratio{upstream="origin"}'), 0);
});
