// One story for each policy on a real gateway, and for the order in which they run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { field, fields, openRaw, rawRequest } from '../helpers/client.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Origin, startOrigin } from '../helpers/origin.ts';
import { atRest, portOf, total } from './rest.ts';

let origin: Origin;
let gateway: Gateway;
let port: number;

before(async () => {
  origin = await startOrigin();
  gateway = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { origin: { endpoints: ['${origin.url}'], max_concurrent_requests: 5 } }
routes:
  - id: fixed
    path: /fixed
    policies: { respond: { status: 418, body: 'Grüße ☕', content_type: text/x-tea } }
  - id: moved
    path_prefix: /moved
    policies: { respond: { status: 308, location: 'https://new.example/' } }
  - id: empty
    path: /empty
    policies: { respond: { status: 204 }, headers: { response: { set: { x-from: weir } } } }
  - id: prefix
    path_prefix: /api/v1
    upstream: origin
    policies: { rewrite: { prefix: /internal } }
  - id: path
    path_prefix: /any
    upstream: origin
    policies: { rewrite: { path: /one } }
  - id: changed
    path_prefix: /changed
    upstream: origin
    policies:
      rewrite: { prefix: / }
      headers:
        request: { set: { X-Team: blue, authorization: Bearer minted }, add: { x-tag: weir }, remove: [cookie] }
        response: { set: { Server: weir, cache-control: no-store }, remove: [content-type, etag] }
`,
  });
  port = portOf(gateway);
});

after(async () => {
  await gateway?.stop();
  await origin?.close();
});

interface Echo {
  url: string;
  rawHeaders: string[];
}

async function seenBy(bytes: string): Promise<Echo & { field(name: string): string[] }> {
  const { status, body } = await rawRequest(port, bytes);
  assert.equal(status, 200);
  const echo = JSON.parse(body.toString()) as Echo;
  return {
    ...echo,
    field: (name) =>
      echo.rawHeaders.filter((_value, at) => at % 2 === 1 && echo.rawHeaders[at - 1]!.toLowerCase() === name),
  };
}

test('respond answers by itself, byte for byte, and the upstream is not asked', async () => {
  const seen = origin.requests.length;
  const fixed = await rawRequest(port, 'GET /fixed HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(fixed.status, 418);
  assert.equal(fixed.body.toString('utf8'), 'Grüße ☕');
  assert.equal(field(fixed.headers, 'content-length'), String(Buffer.byteLength('Grüße ☕')));
  assert.equal(field(fixed.headers, 'content-type'), 'text/x-tea');
  assert.match(field(fixed.headers, 'x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  const moved = await rawRequest(port, 'GET /moved/x HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(moved.status, 308);
  assert.equal(field(moved.headers, 'location'), 'https://new.example/');
  const empty = await rawRequest(port, 'GET /empty HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(empty.status, 204);
  assert.equal(field(empty.headers, 'content-length'), undefined);
  assert.equal(field(empty.headers, 'x-from'), 'weir');
  assert.equal(origin.requests.length, seen);
});

test('respond keeps the connection, and answers HEAD without a body', async () => {
  const client = await openRaw(port);
  for (let n = 0; n < 3; n++) {
    client.send('HEAD /fixed HTTP/1.1\r\nHost: h\r\n\r\n');
    const head = await client.response({ head: true });
    assert.equal(head.status, 418);
    assert.equal(field(head.headers, 'content-length'), String(Buffer.byteLength('Grüße ☕')));
    client.send('GET /fixed HTTP/1.1\r\nHost: h\r\n\r\n');
    assert.equal((await client.response()).body.toString('utf8'), 'Grüße ☕');
  }
  client.destroy();
});

test('rewrite changes the path that the upstream sees and nothing else', async () => {
  assert.equal(
    (await seenBy('GET /api/v1/users/a%20b?q=%zz&r HTTP/1.1\r\nHost: h\r\n\r\n')).url,
    '/internal/users/a%20b?q=%zz&r',
  );
  assert.equal((await seenBy('GET /api/v1 HTTP/1.1\r\nHost: h\r\n\r\n')).url, '/internal');
  assert.equal((await seenBy('GET /any/thing?q=1 HTTP/1.1\r\nHost: h\r\n\r\n')).url, '/one?q=1');
});

test('headers changes the request before Weir adds its own, and the answer after', async () => {
  const bytes =
    'GET /changed/x HTTP/1.1\r\nHost: h\r\nx-team: red\r\nX-TEAM: green\r\nAuthorization: Basic client\r\nX-Tag: client\r\nCookie: a=1\r\nX-Kept: 1\r\n\r\n';
  const seen = await seenBy(bytes);
  assert.equal(seen.url, '/x');
  assert.deepEqual(seen.field('x-team'), ['blue']);
  assert.deepEqual(seen.field('authorization'), ['Bearer minted']);
  assert.deepEqual(seen.field('x-tag'), ['client', 'weir']);
  assert.deepEqual(seen.field('cookie'), []);
  assert.deepEqual(seen.field('x-kept'), ['1']);
  assert.equal(seen.field('x-request-id').length, 1);
  const answer = await rawRequest(port, bytes);
  assert.deepEqual(fields(answer.headers, 'server'), ['weir']);
  assert.deepEqual(fields(answer.headers, 'cache-control'), ['no-store']);
  assert.deepEqual(fields(answer.headers, 'content-type'), []);
  assert.equal(answer.complete, true);
});

test('what a policy answered is counted like any other answer, and holds nothing', async () => {
  const metrics = await atRest(gateway);
  assert.ok(total(metrics, 'http_requests_total', 'route="fixed"', 'method="HEAD"', 'status="418"') >= 3);
  assert.equal(total(metrics, 'http_request_failures_total', 'route="fixed"'), 0);
});
