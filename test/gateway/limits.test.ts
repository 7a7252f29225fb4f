// What a gateway refuses because there is too much of it: bodies, heads, connections, requests in flight, requests waiting.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { field, openRaw, type RawClient, type RawResponse, rawRequest } from '../helpers/client.ts';
import { until } from '../helpers/deadline.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Origin, reply, startOrigin } from '../helpers/origin.ts';
import { atRest, portOf, total } from './rest.ts';

let origin: Origin;
let gateway: Gateway;
let port: number;

before(async () => {
  origin = await startOrigin(reply(200, 'ok'));
  gateway = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
limits: { max_header_bytes: 32KiB, max_headers: 50, max_body_bytes: 100KiB, max_connections: 40, header_timeout: 1s }
upstreams:
  free: { endpoints: ['${origin.url}'] }
  capped: { endpoints: ['${origin.url}'], max_concurrent_requests: 3 }
  queued: { endpoints: ['${origin.url}'], max_concurrent_requests: 2, queue: { max: 3, timeout: 400ms } }
  patient: { endpoints: ['${origin.url}'], max_concurrent_requests: 1, queue: { max: 10, timeout: 10s } }
routes:
  - { id: free, path_prefix: /, upstream: free }
  - { id: capped, path_prefix: /capped, upstream: capped }
  - { id: queued, path_prefix: /queued, upstream: queued }
  - { id: patient, path_prefix: /patient, upstream: patient }
  - { id: hurried, path_prefix: /hurried, upstream: patient, timeout: 300ms }
`,
  });
  port = portOf(gateway);
});

after(async () => {
  await gateway?.stop();
  await origin?.close();
});

function reasonOf(response: { body: Buffer }): string {
  return (JSON.parse(response.body.toString()) as { reason: string }).reason;
}

function expectRefusal(response: RawResponse, status: number, reason: string, closes: boolean): void {
  assert.equal(response.status, status, response.text.slice(0, 300));
  assert.equal(reasonOf(response), reason);
  assert.equal(field(response.headers, 'connection'), closes ? 'close' : 'keep-alive');
  if (status === 503) assert.equal(field(response.headers, 'retry-after'), '1');
}

function get(path: string): Promise<RawResponse> {
  return rawRequest(port, `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`, { ms: 12_000 });
}

// ── sizes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a body announced above max_body_bytes is refused unread, one at the limit passes', async () => {
  const seen = origin.requests.length;
  expectRefusal(
    await rawRequest(port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 102401\r\n\r\n'),
    413,
    'body_too_large',
    true,
  );
  assert.equal(origin.requests.length, seen);
  const full = await rawRequest(
    port,
    `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 102400\r\n\r\n${'x'.repeat(102_400)}`,
  );
  assert.equal(full.status, 200);
});

test('the refusal reaches a client that sends its whole body before it reads', async () => {
  for (let n = 0; n < 10; n++) {
    const body = Buffer.alloc(3_000_000);
    const response = await rawRequest(
      port,
      Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`), body]),
    );
    expectRefusal(response, 413, 'body_too_large', true);
  }
});

test('a body without a length is refused once it grows above max_body_bytes', async () => {
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const seen = origin.requests.length;
  const response = await rawRequest(
    port,
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`,
  );
  expectRefusal(response, 413, 'body_too_large', true);
  // the origin had begun to read it: it must not take it for whole
  if (origin.requests.length > seen)
    await until(1000, 'the origin to see the cut', () => origin.requests[seen]!.aborted);
  assert.equal(origin.requests[seen]?.complete ?? false, false);
  const fits = await rawRequest(
    port,
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(6)}0\r\n\r\n`,
  );
  assert.equal(fits.status, 200);
});

test('too many header fields, or too large ones, are refused', async () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => `x-${n}: 1\r\n`).join('');
  // Host is one of them
  assert.equal((await rawRequest(port, `GET / HTTP/1.1\r\nHost: h\r\n${many(49)}\r\n`)).status, 200);
  expectRefusal(await rawRequest(port, `GET / HTTP/1.1\r\nHost: h\r\n${many(50)}\r\n`), 431, 'headers_too_large', true);
  assert.equal((await rawRequest(port, `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(30_000)}\r\n\r\n`)).status, 200);
  expectRefusal(
    await rawRequest(port, `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(33_000)}\r\n\r\n`),
    431,
    'headers_too_large',
    true,
  );
  expectRefusal(
    await rawRequest(port, `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(300_000)}\r\n\r\n`),
    431,
    'headers_too_large',
    true,
  );
});

test('a target that is too long is refused', async () => {
  assert.equal((await get(`/${'x'.repeat(16_000)}`)).status, 200);
  expectRefusal(await get(`/${'x'.repeat(17_000)}`), 414, 'url_too_long', true);
  expectRefusal(await get(`/?${'x'.repeat(17_000)}`), 414, 'url_too_long', true);
});

test('the time of a head does not run while the gateway itself does not read', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const client = await openRaw(port);
  const request = (n: number) => `GET /ahead/${n} HTTP/1.1\r\nHost: h\r\n\r\n`;
  const seen = origin.requests.length;
  const third = request(3);
  client.send(request(1) + request(2) + third.slice(0, 20));
  await origin.arrived(seen + 1);
  // twice the header_timeout, and a sweep on top
  await new Promise((resolve) => setTimeout(resolve, 2600));
  origin.release();
  assert.equal((await client.response()).status, 200);
  assert.equal((await client.response()).status, 200);
  client.send(third.slice(20));
  assert.equal((await client.response()).status, 200);
  client.destroy();
});

// ── connections ────────────────────────────────────────────────────────────────────────────────────────────────────

test('connections above max_connections are told so, and there is room again once others have gone', async (t) => {
  await atRest(gateway);
  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  for (let n = 0; n < 40; n++) {
    const client = await openRaw(port);
    clients.push(client);
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    assert.equal((await client.response()).status, 200, `connection ${n + 1}`);
  }
  assert.equal((await gateway.metrics()).get('connections_active'), 40);
  const before = total(await gateway.metrics(), 'http_request_failures_total', 'reason="overloaded"');
  // they send at once, as clients do: the refusal must not be lost in a reset
  for (let n = 0; n < 10; n++) expectRefusal(await get('/'), 503, 'overloaded', true);
  assert.equal(total(await gateway.metrics(), 'http_request_failures_total', 'reason="overloaded"') - before, 10);
  for (const client of clients.splice(0, 5)) client.destroy();
  await until(1000, 'room', async () => (await get('/')).status === 200);
  for (const client of clients) client.destroy();
  await atRest(gateway);
});

// ── the cap ────────────────────────────────────────────────────────────────────────────────────────────────────────

test('requests above the cap are refused, and each answer makes room for exactly one', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const held = [get('/capped/1'), get('/capped/2'), get('/capped/3')];
  await origin.arrived(seen + 3);
  expectRefusal(await get('/capped/4'), 503, 'connection_limit_reached', false);
  const metrics = await gateway.metrics();
  assert.equal(metrics.get('upstream_requests_active{upstream="capped"}'), 3);
  assert.equal(metrics.get('upstream_connection_saturation_ratio{upstream="capped"}'), 1);
  origin.release(1);
  await Promise.race(held);
  const next = get('/capped/5');
  await origin.arrived(seen + 4);
  expectRefusal(await get('/capped/6'), 503, 'connection_limit_reached', false);
  origin.release();
  for (const answer of await Promise.all([...held, next])) assert.equal(answer.status, 200);
  await atRest(gateway);
});

test('every way for a request to end gives its slot back', async (t) => {
  t.after(() => origin.release());
  const endings: (() => Promise<unknown>)[] = [
    () => get('/capped/ok'),
    async () => {
      const client = await openRaw(port);
      client.send('POST /capped/gone HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc');
      await until(
        1000,
        'the slot',
        async () => (await gateway.metrics()).get('upstream_requests_active{upstream="capped"}') === 1,
      );
      client.destroy();
    },
    () =>
      rawRequest(
        port,
        `POST /capped/large HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${`4000\r\n${'x'.repeat(0x4000)}\r\n`.repeat(20)}`,
      ),
    async () => {
      origin.answer((_request, response) => void response.socket?.destroy());
      await get('/capped/broken');
      origin.answer(reply(200, 'ok'));
    },
  ];
  for (const ending of endings) {
    for (let n = 0; n < 4; n++) await ending();
    await atRest(gateway);
  }
  const answers = await Promise.all(['/capped/a', '/capped/b', '/capped/c'].map(get));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
});

test('a slot is not taken by what is refused before it', async () => {
  for (let n = 0; n < 5; n++) assert.equal((await get('/capped/%00')).status, 400);
  assert.equal((await gateway.metrics()).get('upstream_requests_active{upstream="capped"}'), 0);
});

// ── the queue ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('who waits is served in order as slots come free', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const answers = [get('/patient/0')];
  await origin.arrived(seen + 1);
  for (let n = 1; n <= 4; n++) {
    answers.push(get(`/patient/${n}`));
    await until(
      1000,
      'the request to wait',
      async () => (await gateway.metrics()).get('upstream_requests_queued{upstream="patient"}') === n,
    );
  }
  origin.release();
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
  assert.deepEqual(
    origin.requests.slice(seen).map(({ url }) => url),
    [0, 1, 2, 3, 4].map((n) => `/patient/${n}`),
  );
  await atRest(gateway);
});

test('who waits too long is refused at the time of the queue, who finds it full at once', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const held = [get('/queued/1'), get('/queued/2')];
  await origin.arrived(seen + 2);
  const beganMs = performance.now();
  const waiting = [get('/queued/3'), get('/queued/4'), get('/queued/5')];
  await until(
    1000,
    'a full queue',
    async () => (await gateway.metrics()).get('upstream_requests_queued{upstream="queued"}') === 3,
    5,
  );
  const askedMs = performance.now();
  expectRefusal(await get('/queued/6'), 503, 'connection_limit_reached', false);
  assert.ok(performance.now() - askedMs < 150);
  for (const answer of await Promise.all(waiting)) expectRefusal(answer, 503, 'connection_limit_reached', false);
  const waitedMs = performance.now() - beganMs;
  assert.ok(waitedMs >= 399 && waitedMs < 700, `${waitedMs} ms`);
  assert.equal(origin.requests.length - seen, 2);
  origin.release();
  for (const answer of await Promise.all(held)) assert.equal(answer.status, 200);
  await atRest(gateway);
});

test('waiting counts against the deadline of the route', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const first = get('/patient/1');
  await origin.arrived(seen + 1);
  const beganMs = performance.now();
  const second = await get('/hurried/2');
  assert.ok(performance.now() - beganMs >= 299 && performance.now() - beganMs < 500);
  assert.ok(second.status === 503 || second.status === 504);
  origin.release();
  assert.equal((await first).status, 200);
});

test('a client that leaves the queue leaves its place to others', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const first = get('/patient/1');
  await origin.arrived(seen + 1);
  const leaver = await openRaw(port);
  leaver.send('GET /patient/leaver HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(
    1000,
    'it to wait',
    async () => (await gateway.metrics()).get('upstream_requests_queued{upstream="patient"}') === 1,
  );
  const stayer = get('/patient/stayer');
  await until(
    1000,
    'both to wait',
    async () => (await gateway.metrics()).get('upstream_requests_queued{upstream="patient"}') === 2,
  );
  leaver.destroy();
  await until(
    1000,
    'one to wait',
    async () => (await gateway.metrics()).get('upstream_requests_queued{upstream="patient"}') === 1,
  );
  origin.release();
  assert.equal((await first).status, 200);
  assert.equal((await stayer).status, 200);
  assert.deepEqual(
    origin.requests.slice(seen).map(({ url }) => url),
    ['/patient/1', '/patient/stayer'],
  );
  await atRest(gateway);
});

test('what was sent is what was counted', async () => {
  const before = await atRest(gateway);
  const sent = { ok: 25, refused: 7, lost: 5 };
  for (let n = 0; n < sent.ok; n++) await get('/count');
  for (let n = 0; n < sent.refused; n++) await get('/%zz');
  for (let n = 0; n < sent.lost; n++) await rawRequest(port, 'BAD\r\n\r\n');
  const now = await atRest(gateway);
  const gained = (name: string, ...labels: string[]) => total(now, name, ...labels) - total(before, name, ...labels);
  assert.equal(gained('http_requests_total'), sent.ok + sent.refused + sent.lost);
  assert.equal(gained('http_requests_total', 'route="free"', 'method="GET"', 'status="200"'), sent.ok);
  assert.equal(gained('http_requests_total', 'route="none"', 'status="400"'), sent.refused + sent.lost);
  assert.equal(gained('http_request_duration_seconds_count', 'route="free"'), sent.ok);
  assert.equal(gained('http_request_duration_seconds_bucket', 'route="free"', 'le="+Inf"'), sent.ok);
  assert.equal(gained('upstream_request_duration_seconds_count', 'upstream="free"'), sent.ok);
});
