// What a gateway does to a request and its answer on their way through, byte by byte, against origins of both kinds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { field, fields, openRaw, rawRequest } from '../helpers/client.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import {
  echo,
  type Origin,
  pattern,
  type RawConnection,
  type RawOrigin,
  reply,
  startOrigin,
  startRawOrigin,
} from '../helpers/origin.ts';
import { atRest, portOf, total } from './rest.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let origin: Origin;
let raw: RawOrigin;
let rawScript: (connection: RawConnection) => void | Promise<void> = answerOk;
let gateway: Gateway;
let port: number;

async function answerOk(connection: RawConnection): Promise<void> {
  await connection.head();
  connection.end(OK);
}

before(async () => {
  origin = await startOrigin();
  raw = await startRawOrigin((connection) => rawScript(connection));
  gateway = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
limits: { max_body_bytes: 1MiB }
upstreams:
  origin: { endpoints: ['${origin.url}'] }
  raw: { endpoints: ['${raw.url}'], retry: { attempts: 0 } }
  preserving: { endpoints: ['${origin.url}'], preserve_host: true }
routes:
  - { id: origin, path_prefix: /, upstream: origin }
  - { id: raw, path_prefix: /raw, upstream: raw, timeout: 5s }
  - { id: preserving, path_prefix: /preserve, upstream: preserving }
  - { id: named, hosts: [named.example], path_prefix: /named, upstream: origin }
`,
  });
  port = portOf(gateway);
});

after(async () => {
  await gateway?.stop();
  await origin?.close();
  await raw?.close();
});

/** The head that the raw origin gets for `bytes`, and the answer that the client gets. */
async function throughRaw(bytes: string, answer: string | Buffer = OK) {
  let head = '';
  rawScript = async (connection) => {
    head = await connection.head();
    connection.end(answer);
  };
  const response = await rawRequest(port, bytes);
  return { head, lines: head.split('\r\n').slice(0, -2), response };
}

test("a request arrives as it was sent: target, names in the client's spelling, order, repetitions, obs-text", async () => {
  const { lines } = await throughRaw(
    'GET /raw/A%20b/~x?q=%zz&&A=1;b HTTP/1.1\r\nHost: Any.Example:99\r\nX-SPELLED-this: 1\r\nx-spelled-THIS: 2\r\nAccept:\t*/* \r\nX-Empty:\r\nX-Latin: \xe9\xff\r\n\r\n',
  );
  assert.equal(lines[0], 'GET /raw/A%20b/~x?q=%zz&&A=1;b HTTP/1.1');
  assert.deepEqual(lines.slice(1, 6), [
    'X-SPELLED-this: 1',
    'x-spelled-THIS: 2',
    'Accept: */*',
    'X-Empty: ',
    'X-Latin: \xe9\xff',
  ]);
  const own = lines.slice(6).map((line) => line.slice(0, line.indexOf(':')));
  assert.deepEqual(own, [
    'host',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-request-id',
    'traceparent',
    'via',
    'connection',
  ]);
});

test('an answer arrives as it was sent: status, reason, names, repetitions, obs-text', async () => {
  const { response } = await throughRaw(
    'GET /raw HTTP/1.1\r\nHost: h\r\n\r\n',
    'HTTP/1.1 299 Quite \xe9 Fine\r\nSet-Cookie: a=1\r\nset-COOKIE: b=2\r\nX-Empty:\r\nX-Latin: \xfc\r\nDATE: then\r\nContent-Length: 3\r\n\r\n\x00\xff\n',
  );
  assert.equal(response.status, 299);
  assert.equal(response.reasonPhrase, 'Quite \xe9 Fine');
  assert.deepEqual(response.headers.slice(0, 5), [
    ['Set-Cookie', 'a=1'],
    ['set-COOKIE', 'b=2'],
    ['X-Empty', ''],
    ['X-Latin', '\xfc'],
    ['DATE', 'then'],
  ]);
  assert.equal(response.body.toString('latin1'), '\x00\xff\n');
  for (const name of ['content-length', 'date', 'via', 'x-request-id'])
    assert.equal(fields(response.headers, name).length, 1, name);
});

test('hop-by-hop fields and those that Connection names pass in neither direction', async () => {
  const { head, response } = await throughRaw(
    'GET /raw HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop, X-Request-Id, Via\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nTE: gzip\r\nTrailer: x\r\n' +
      'Upgrade: h2c\r\nProxy-Connection: x\r\nProxy-Authorization: Basic x\r\nX-Kept: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nConnection: x-secret, close\r\nX-Secret: 1\r\nKeep-Alive: timeout=77\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: y\r\nX-Kept: 3\r\nContent-Length: 0\r\n\r\n',
  );
  assert.doesNotMatch(head, /^(x-hop|keep-alive|te|trailer|upgrade|proxy-[a-z]+):/im);
  assert.match(head, /^X-Kept: 2\r$/m);
  // what Weir mints cannot be taken away
  assert.match(head, /^x-request-id: [0-9a-f-]{36}\r$/m);
  assert.match(head, /^via: 1\.1 weir\r$/m);
  for (const name of ['x-secret', 'proxy-authenticate', 'upgrade', 'trailer'])
    assert.equal(field(response.headers, name), undefined, name);
  assert.equal(field(response.headers, 'keep-alive'), undefined);
  assert.equal(field(response.headers, 'x-kept'), '3');
});

test('who the client is, is told by Weir and not by the client', async () => {
  const { head, response } = await throughRaw(
    'GET /raw HTTP/1.1\r\nHost: Api.Example:8080\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX_Forwarded_For: 7.7.7.7\r\n' +
      'Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Request-Id: chosen\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=1\r\nVia: 1.0 cdn\r\n\r\n',
  );
  assert.doesNotMatch(head, /6\.6\.6\.6|7\.7\.7\.7|evil|chosen/);
  assert.match(head, /^x-forwarded-for: 127\.0\.0\.1\r$/m);
  assert.match(head, /^x-forwarded-proto: http\r$/m);
  assert.match(head, /^x-forwarded-host: Api\.Example:8080\r$/m);
  assert.match(head, /^traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01\r$/m);
  assert.match(head, /^tracestate: a=1\r$/m);
  assert.match(head, /^Via: 1\.0 cdn\r\n(.*\r\n)*via: 1\.1 weir\r$/m);
  const id = /^x-request-id: (\S+)\r$/m.exec(head)?.[1];
  assert.equal(field(response.headers, 'x-request-id'), id);
  assert.equal(field(response.headers, 'via'), '1.1 weir');
});

test('a trusted peer is believed', async (t) => {
  const trusting = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
trusted_proxies: [127.0.0.0/8]
upstreams: { raw: { endpoints: ['${raw.url}'] } }
routes: [{ id: raw, path_prefix: /, upstream: raw }]
`,
  });
  t.after(() => trusting.stop());
  let head = '';
  rawScript = async (connection) => {
    head = await connection.head();
    connection.end(OK);
  };
  const response = await rawRequest(
    portOf(trusting),
    'GET / HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: api.example\r\nX-Request-Id: kept-1\r\n\r\n',
  );
  assert.match(head, /^x-forwarded-for: 203\.0\.113\.7, 127\.0\.0\.1\r$/m);
  assert.match(head, /^x-forwarded-proto: https\r$/m);
  assert.match(head, /^x-forwarded-host: api\.example\r$/m);
  assert.match(head, /^x-request-id: kept-1\r$/m);
  assert.equal(field(response.headers, 'x-request-id'), 'kept-1');
});

test("Host is the endpoint's, or the client's where the upstream says so", async () => {
  origin.answer(echo);
  const hostSeen = async (path: string) => {
    const { body } = await rawRequest(port, `GET ${path} HTTP/1.1\r\nHost: Api.Example:8080\r\n\r\n`);
    const { rawHeaders } = JSON.parse(body.toString()) as { rawHeaders: string[] };
    return rawHeaders.filter((_value, at) => rawHeaders[at - 1]?.toLowerCase() === 'host');
  };
  assert.deepEqual(await hostSeen('/'), [origin.authority]);
  assert.deepEqual(await hostSeen('/preserve'), ['Api.Example:8080']);
});

test('HEAD has the length and no body, and its connection goes on', async () => {
  origin.answer((request, response) => {
    response.writeHead(200, { 'content-length': '5', etag: '"x"' });
    response.end(request.method === 'HEAD' ? '' : 'hello');
  });
  const client = await openRaw(port);
  client.send('HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n');
  const head = await client.response({ head: true });
  assert.equal(field(head.headers, 'content-length'), '5');
  assert.equal(field(head.headers, 'etag'), '"x"');
  client.send('GET /h HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal((await client.response()).body.toString(), 'hello');
  client.send('HEAD /nowhere-named HTTP/1.1\r\nHost: h\r\n\r\nGET /h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  await client.response({ head: true });
  assert.equal((await client.response()).body.toString(), 'hello');
  client.destroy();
});

test('answers without a body keep their fields, and the connection goes on', async () => {
  const client = await openRaw(port);
  const ask = async (status: number, headers: Record<string, string>) => {
    origin.answer((_request, response) => {
      response.writeHead(status, headers);
      response.end();
    });
    client.send('GET /x HTTP/1.1\r\nHost: h\r\n\r\n');
    return client.response();
  };
  const none = await ask(204, { 'x-a': '1' });
  assert.equal(none.status, 204);
  assert.equal(field(none.headers, 'content-length'), undefined);
  assert.equal(field(none.headers, 'transfer-encoding'), undefined);
  const same = await ask(304, { etag: '"v1"', 'content-length': '100' });
  assert.equal(same.status, 304);
  assert.equal(field(same.headers, 'etag'), '"v1"');
  assert.equal(field(same.headers, 'transfer-encoding'), undefined);
  const empty = await ask(200, { 'content-length': '0' });
  assert.equal(empty.status, 200);
  assert.equal(field(empty.headers, 'content-length'), '0');
  client.destroy();
});

test('OPTIONS and unusual methods reach the origin', async () => {
  origin.answer(echo);
  for (const method of ['OPTIONS', 'PATCH', 'DELETE', 'PROPFIND', 'M-SEARCH', 'QUERY']) {
    const { status, body } = await rawRequest(port, `${method} /m HTTP/1.1\r\nHost: h\r\n\r\n`);
    assert.equal(status, 200, method);
    assert.equal((JSON.parse(body.toString()) as { method: string }).method, method);
  }
});

test('bodies go up whole, with their length or in chunks, whatever their size and the method', async () => {
  for (const size of [1, 16_384, 16_385, 65_535, 65_536, 65_537, 300_000]) {
    const body = pattern(size, size);
    for (const [method, chunked] of [
      ['POST', false],
      ['PUT', true],
      ['GET', false],
      ['DELETE', true],
    ] as const) {
      const before = origin.requests.length;
      origin.answer(reply(200, 'got it'));
      const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`;
      const client = await openRaw(port);
      client.send(`${method} /up HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n`);
      if (chunked) client.send(chunks(body, 7000));
      else client.send(body);
      assert.equal((await client.response()).status, 200, `${method} ${size}`);
      client.destroy();
      const seen = origin.requests[before]!;
      assert.ok(seen.body.equals(body), `${method} of ${size} bytes, ${framing}`);
      // a body of known length keeps it; nothing is framed twice
      assert.deepEqual(seen.field('content-length'), chunked ? [] : [String(size)]);
      assert.equal(seen.field('transfer-encoding').length, chunked ? 1 : 0);
    }
  }
});

test('an empty body stays empty', async () => {
  origin.answer(echo);
  for (const bytes of [
    'POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n',
    'POST /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /e HTTP/1.1\r\nHost: h\r\n\r\n',
  ]) {
    const { status, body } = await rawRequest(port, bytes);
    assert.equal(status, 200, bytes);
    assert.equal((JSON.parse(body.toString()) as { body: string }).body, '');
  }
});

test('bodies come down whole, however the origin framed them', async () => {
  for (const size of [0, 1, 16_384, 16_385, 70_000, 700_000]) {
    const body = pattern(size, size);
    for (const framing of ['length', 'chunked', 'close'] as const) {
      const { response } = await throughRaw('GET /raw HTTP/1.1\r\nHost: h\r\n\r\n', framed(body, framing));
      assert.equal(response.status, 200);
      assert.ok(response.complete && response.body.equals(body), `${size} bytes, ${framing}`);
    }
  }
});

test('an HTTP/1.0 client gets no chunks', async () => {
  const body = pattern(0, 100_000);
  const { response } = await throughRaw('GET /raw HTTP/1.0\r\nHost: h\r\n\r\n', framed(body, 'chunked'));
  assert.equal(field(response.headers, 'transfer-encoding'), undefined);
  assert.equal(field(response.headers, 'connection'), 'close');
  assert.ok(response.body.equals(body));
  const kept = await openRaw(port);
  origin.answer(reply(200, 'ok'));
  for (let n = 0; n < 2; n++) {
    kept.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assert.equal((await kept.response()).body.toString(), 'ok');
  }
  kept.destroy();
});

test('interim answers do not disturb the final one', async () => {
  const { response } = await throughRaw(
    'GET /raw HTTP/1.1\r\nHost: h\r\n\r\n',
    `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${OK}`,
  );
  assert.equal(response.status, 200);
  assert.equal(response.body.toString(), 'ok');
});

test('Expect: 100-continue is answered by Weir before the body, and never reaches the origin', async () => {
  origin.answer(echo);
  for (const framing of ['Content-Length: 5', 'Transfer-Encoding: chunked', `Content-Length: ${200_000}`]) {
    const client = await openRaw(port);
    client.send(`POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`);
    await client.received((text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    const body = framing.endsWith('0') ? 'x'.repeat(200_000) : 'hello';
    client.send(framing.startsWith('T') ? '5\r\nhello\r\n0\r\n\r\n' : body);
    const answer = await client.response();
    assert.equal(answer.status, 200);
    const seen = JSON.parse(answer.body.toString()) as { rawHeaders: string[]; body: string };
    assert.equal(seen.body, body);
    assert.ok(!seen.rawHeaders.some((name) => name.toLowerCase() === 'expect'));
    client.destroy();
  }
});

test('a body that nobody will read is not asked for', async () => {
  for (const [bytes, status] of [
    ['POST /%00 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n', 413],
    ['POST / HTTP/1.1\r\nHost: h\r\nExpect: something\r\nContent-Length: 5\r\n\r\n', 417],
  ] as const) {
    const response = await rawRequest(port, bytes);
    assert.equal(response.status, status);
    assert.doesNotMatch(response.text, /100 Continue/);
    assert.equal(field(response.headers, 'connection'), 'close');
  }
});

test('an HTTP/1.0 client is not sent an interim answer that it cannot read', async () => {
  origin.answer(reply(200, 'ok'));
  const response = await rawRequest(
    port,
    'POST / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
  );
  assert.ok(response.text.startsWith('HTTP/1.1 200 '), response.text.slice(0, 40));
});

test('absolute form is served like origin form, and must agree with Host', async () => {
  origin.answer(echo);
  const good = await rawRequest(port, 'GET http://named.example/named/x?y HTTP/1.1\r\nHost: named.example\r\n\r\n');
  assert.equal((JSON.parse(good.body.toString()) as { url: string }).url, '/named/x?y');
  const bad = await rawRequest(port, 'GET http://named.example/named HTTP/1.1\r\nHost: other.example\r\n\r\n');
  assert.equal(bad.status, 400);
});

test('what is refused at the door says why, and is counted', async () => {
  const before = await gateway.metrics();
  const seen = origin.requests.length;
  const table: [bytes: string, status: number, reason: string][] = [
    ['GET / HTTP/1.1\r\nHost: h\r\n\r\n', 200, ''],
    ['GET /a/../../b HTTP/1.1\r\nHost: h\r\n\r\n', 400, 'bad_target'],
    ['GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n', 400, 'bad_target'],
    ['GET /a%2Fb HTTP/1.1\r\nHost: h\r\n\r\n', 400, 'bad_target'],
    ['GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n', 400, 'bad_target'],
    ['GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400, 'bad_host'],
    ['GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400, 'bad_host'],
    ['GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400, 'bad_host'],
    ['GET / HTTP/1.1\r\n\r\n', 400, 'bad_host'],
    [
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'bad_request',
    ],
    ['POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 400, 'bad_request'],
    ['POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd', 400, 'bad_request'],
    ['GET / HTTP/1.1\r\nHost: h\r\nbad name: 1\r\n\r\n', 400, 'bad_request'],
    ['GET / HTTP/1.1\r\nHost: h\r\n X: folded\r\n\r\n', 400, 'bad_request'],
    ['NONSENSE\r\n\r\n', 400, 'bad_request'],
  ];
  origin.answer(reply(200, 'ok'));
  for (const [bytes, status, reason] of table) {
    const response = await rawRequest(port, bytes);
    assert.equal(response.status, status, bytes);
    if (reason === '') continue;
    assert.equal(field(response.headers, 'content-type'), 'application/problem+json', bytes);
    const problem = JSON.parse(response.body.toString()) as Record<string, unknown>;
    assert.equal(problem['reason'], reason, bytes);
    assert.equal(problem['status'], status);
    assert.equal(problem['instance'], field(response.headers, 'x-request-id'));
  }
  assert.equal(origin.requests.length - seen, 1);
  const now = await gateway.metrics();
  const gained = (name: string, ...labels: string[]) => total(now, name, ...labels) - total(before, name, ...labels);
  assert.equal(gained('http_requests_total'), table.length);
  assert.equal(gained('http_requests_total', 'status="400"'), 14);
  for (const reason of ['bad_target', 'bad_host', 'bad_request']) {
    assert.equal(
      gained('http_request_failures_total', `reason="${reason}"`),
      table.filter((row) => row[2] === reason).length,
      reason,
    );
  }
});

test('no route is 404, a route for other methods is 405 with Allow', async (t) => {
  const narrow = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { origin: { endpoints: ['${origin.url}'] } }
routes: [{ id: only, path: /only, methods: [GET, PUT], upstream: origin }]
`,
  });
  t.after(() => narrow.stop());
  const missed = await rawRequest(portOf(narrow), 'GET /other HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(missed.status, 404);
  assert.equal((JSON.parse(missed.body.toString()) as { reason: string }).reason, 'route_not_found');
  assert.equal(field(missed.headers, 'proxy-status'), undefined);
  const refused = await rawRequest(portOf(narrow), 'DELETE /only HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(refused.status, 405);
  assert.equal((JSON.parse(refused.body.toString()) as { reason: string }).reason, 'method_not_allowed');
  assert.equal(field(refused.headers, 'allow')?.split(', ').sort().join(), 'GET,HEAD,PUT');
  assert.equal(field(refused.headers, 'connection'), 'keep-alive');
});

test('one client connection carries many requests over one upstream connection', async () => {
  origin.answer(reply(200, 'ok'));
  const client = await openRaw(port);
  client.send('GET /first HTTP/1.1\r\nHost: h\r\n\r\n');
  await client.response();
  const connections = origin.connections;
  for (let n = 0; n < 50; n++) {
    client.send(`${n % 2 === 0 ? 'GET' : 'POST'} /${n} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`);
    const answer = await client.response();
    assert.equal(answer.status, 200);
    assert.equal(field(answer.headers, 'connection'), 'keep-alive');
  }
  assert.equal(origin.connections, connections);
  client.destroy();
});

test('a gateway that is its own upstream notices the loop', async () => {
  const seen = origin.requests.length;
  const vias = Array.from({ length: 10 }, () => '1.1 weir').join(', ');
  origin.answer(reply(200, 'ok'));
  const looping = await rawRequest(port, `GET / HTTP/1.1\r\nHost: h\r\nVia: ${vias}\r\n\r\n`);
  assert.equal(looping.status, 508);
  assert.equal(field(looping.headers, 'proxy-status'), 'weir; error=proxy_loop_detected');
  assert.equal(origin.requests.length, seen);
  // a second Weir in the path is no loop
  assert.equal((await rawRequest(port, 'GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 weir\r\n\r\n')).status, 200);
});

test('afterwards nothing is held', async () => {
  const metrics = await atRest(gateway);
  assert.equal(total(metrics, 'http_requests_active'), 0);
});

function chunks(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

function framed(body: Buffer, framing: 'length' | 'chunked' | 'close'): Buffer {
  if (framing === 'length')
    return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
  if (framing === 'close') return Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'), body]);
  return Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), chunks(body, 9000)]);
}
