import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { get } from '../helpers/client.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Origin, startOrigin } from '../helpers/origin.ts';
import { atRest } from './rest.ts';

let origin: Origin;
let gateway: Gateway;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    workers: 2,
    config: `
listeners: [{ address: 127.0.0.1:0 }]
admin: { address: 127.0.0.1:0, token: very-secret-token }
upstreams:
  users: { endpoints: ['${origin.url}'], max_concurrent_requests: 4 }
routes:
  - { id: users, path_prefix: /users, upstream: users }
  - { id: user, path: '/users/{id}', methods: [GET], upstream: users }
`,
  });
});

after(async () => {
  await gateway[Symbol.asyncDispose]();
  await origin.close();
});

const TOKEN = { authorization: 'Bearer very-secret-token' };

test('/livez and /readyz say ok, HEAD as well', async () => {
  for (const path of ['/livez', '/readyz']) {
    const answer = await gateway.admin(path);
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), 'ok\n');
    const head = await gateway.admin(path, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-length'), '3');
    assert.equal(await head.text(), '');
  }
});

test('/api/state tells who runs', async () => {
  const state = await gateway.state();
  assert.equal(state.pid, gateway.pid);
  assert.match(state.version, /^\d+\.\d+\.\d+$/);
  assert.equal(state.epoch, 1);
  assert.equal(state.routes, 2);
  assert.equal(state.workers.length, 2);
  for (const worker of state.workers) {
    assert.equal(worker.state, 'ready');
    assert.equal(worker.epochBuilt, 1);
    assert.ok(worker.heartbeatAgeMs < 3000, `beat ${worker.heartbeatAgeMs} ms ago`);
  }
});

test('/api/routes lists the strongest route first, with the names of upstreams', async () => {
  const routes = (await (await gateway.admin('/api/routes')).json()) as { id: string; targets: unknown }[];
  assert.deepEqual(
    routes.map(({ id }) => id),
    ['user', 'users'],
  );
  assert.deepEqual(routes[0]?.targets, [{ upstream: 'users', weight: 1 }]);
});

test('/api/upstreams and the gauges show what is in flight, and nothing at rest', async () => {
  origin.hold();
  const inFlight = [get(`${gateway.url}/users/1`), get(`${gateway.url}/users/2`)];
  await origin.arrived(2);
  assert.deepEqual(await upstream(), { inFlight: 2, saturation: 0.5, queued: 0, endpoint: 2 });
  const busy = await gateway.metrics();
  assert.equal(busy.get('upstream_requests_active{upstream="users"}'), 2);
  assert.equal(busy.get('upstream_connection_saturation_ratio{upstream="users"}'), 0.5);
  assert.equal(busy.get('http_requests_active'), 2);
  origin.release();
  await Promise.all(inFlight);
  assert.deepEqual(await upstream(), { inFlight: 0, saturation: 0, queued: 0, endpoint: 0 });
  // the answer is in the client's hands a moment before its exchange is over
  assert.equal((await atRest(gateway)).get('http_requests_active'), 0);
});

test('/metrics counts over all workers, with whole histograms', async () => {
  const before = (await atRest(gateway)).get('http_request_duration_seconds_count{route="user"}') ?? 0;
  for (let round = 0; round < 8; round++) assert.equal((await get(`${gateway.url}/users/7`)).status, 200);
  const metrics = await atRest(gateway);
  const name = 'http_request_duration_seconds';
  assert.equal(metrics.get(`${name}_count{route="user"}`), before + 8);
  assert.equal(metrics.get(`${name}_bucket{route="user",le="+Inf"}`), before + 8);
  assert.ok((metrics.get(`${name}_sum{route="user"}`) ?? 0) > 0);
  let below = 0;
  for (const le of ['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2', '5', '10']) {
    const count = metrics.get(`${name}_bucket{route="user",le="${le}"}`) ?? Number.NaN;
    assert.ok(count >= below, `le=${le} holds ${count}, the bucket before it ${below}`);
    below = count;
  }
  assert.equal(metrics.get('http_requests_total{route="user",method="GET",status="200"}'), before + 8);
  assert.equal(metrics.get('worker_up{worker="1"}'), 1);
  assert.equal(metrics.get('worker_up{worker="2"}'), 1);
  assert.ok(metrics.has('worker_event_loop_lag_seconds{worker="1"}'));
  assert.equal(metrics.get('worker_deaths_total'), 0);
  assert.equal(metrics.get('config_epoch'), 1);
  assert.equal([...metrics.keys()].filter((key) => key.startsWith('build_info{version="')).length, 1);
});

test('/api/config shows the config with its defaults and without its secrets', async () => {
  const text = await (await gateway.admin('/api/config')).text();
  assert.doesNotMatch(text, /very-secret-token/);
  const config = JSON.parse(text) as { admin: { token: string }; limits: { max_headers: number } };
  assert.equal(config.admin.token, '***');
  assert.equal(config.limits.max_headers, 200);
});

test('what is not there is 404, what may not be done is 405 with Allow, both as problem+json', async () => {
  const nowhere = await gateway.admin('/api/nowhere');
  assert.equal(nowhere.status, 404);
  assert.equal(nowhere.headers.get('content-type'), 'application/problem+json');
  for (const [path, method, allow] of [
    ['/api/state', 'POST', 'GET, HEAD'],
    ['/metrics', 'DELETE', 'GET, HEAD'],
    ['/-/reload', 'GET', 'POST'],
    ['/-/drain', 'HEAD', 'POST'],
  ] as const) {
    const answer = await gateway.admin(path, { method, headers: TOKEN });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.get('allow'), allow);
    await answer.text();
  }
  assert.equal((await gateway.state()).reload, null, 'nothing was reloaded on the way');
});

test('writes need the token, reads do not', async () => {
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic very-secret-token' }]) {
    const answer = await gateway.admin('/-/reload', { method: 'POST', headers });
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
    await answer.text();
  }
  assert.equal((await gateway.state()).epoch, 1);
});

test('a foreign Host is refused: its page was led here by DNS', async () => {
  const { port } = new URL(gateway.adminUrl);
  for (const host of [`evil.example:${port}`, 'evil.example', `10.0.0.1:${port}`, '127.0.0.1.evil.example']) {
    const answer = await get(`${gateway.adminUrl}/api/config`, { headers: { host } });
    assert.equal(answer.status, 403, host);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
  }
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, '[::1]', 'LOCALHOST']) {
    assert.equal((await get(`${gateway.adminUrl}/livez`, { headers: { host } })).status, 200, host);
  }
});

test('a page of another origin may change nothing, even with the token', async () => {
  const { host, origin: own } = new URL(gateway.adminUrl);
  const write = (headers: Record<string, string>) =>
    get(`${gateway.adminUrl}/-/reload`, { method: 'POST', headers: { ...TOKEN, host, ...headers } });
  assert.equal((await write({ origin: 'http://evil.example' })).status, 403);
  assert.equal((await write({ origin: 'null' })).status, 403);
  assert.equal((await write({ 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await gateway.state()).epoch, 1);
  assert.equal((await write({ origin: own })).status, 200);
  assert.equal((await gateway.state()).epoch, 2);
});

test('a body that nobody needs is bounded', async () => {
  const answer = await get(`${gateway.adminUrl}/-/reload`, {
    method: 'POST',
    headers: TOKEN,
    body: Buffer.alloc(70 * 1024),
  });
  assert.equal(answer.status, 413);
});

async function upstream(): Promise<object> {
  const [users] = (await (await gateway.admin('/api/upstreams')).json()) as {
    inFlight: number;
    saturation: number;
    queued: number;
    endpoints: { inFlight: number }[];
  }[];
  assert.ok(users);
  const { inFlight, saturation, queued, endpoints } = users;
  return { inFlight, saturation, queued, endpoint: endpoints[0]?.inFlight };
}
