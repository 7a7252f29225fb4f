// What clients, metrics and origins see when the upstream's side goes wrong: one story for each row of the failure table.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { field, openRaw, type RawResponse, rawRequest } from '../helpers/client.ts';
import { until } from '../helpers/deadline.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import {
  cut,
  type Origin,
  pattern,
  type RawConnection,
  type RawOrigin,
  reply,
  startOrigin,
  startRawOrigin,
} from '../helpers/origin.ts';
import { freePort } from '../helpers/ports.ts';
import { type BlackHole, startBlackHole } from './black-hole.ts';
import { atRest, portOf, total } from './rest.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let origin: Origin;
let raw: RawOrigin;
let rawScript: (connection: RawConnection, index: number) => void | Promise<void> = () => {};
let hole: BlackHole;
let gateway: Gateway;
let port: number;

before(async () => {
  origin = await startOrigin(reply(200, 'ok'));
  raw = await startRawOrigin((connection, index) => rawScript(connection, index));
  hole = await startBlackHole();
  const dead = `http://127.0.0.1:${await freePort()}`;
  const dead2 = `http://127.0.0.1:${await freePort()}`;
  gateway = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
upstreams:
  origin: { endpoints: ['${origin.url}'] }
  raw: { endpoints: ['${raw.url}'], max_concurrent_requests: 50 }
  raw-once: { endpoints: ['${raw.url}'], retry: { attempts: 0 } }
  dead: { endpoints: ['${dead}', '${dead2}'] }
  half-dead: { endpoints: ['${dead}', '${origin.url}'], balance: round_robin, retry: { attempts: 0 } }
  spare: { endpoints: ['${dead}', { url: '${origin.url}', backup: true }] }
  hole: { endpoints: ['${hole.url}'], connect_timeout: 200ms }
  half-hole: { endpoints: ['${hole.url}', '${origin.url}'], balance: round_robin, connect_timeout: 150ms }
  tls: { endpoints: ['${raw.url.replace('http:', 'https:')}'] }
  nowhere: { endpoints: ['http://nowhere.invalid:80'] }
routes:
  - { id: origin, path_prefix: /origin, upstream: origin, timeout: 5s }
  - { id: hanging, path_prefix: /hanging, upstream: origin, timeout: 300ms }
  - { id: raw, path_prefix: /raw, upstream: raw, timeout: 5s }
  - { id: raw-once, path_prefix: /once, upstream: raw-once, timeout: 5s }
  - { id: dead, path_prefix: /dead, upstream: dead }
  - { id: half-dead, path_prefix: /half-dead, upstream: half-dead }
  - { id: spare, path_prefix: /spare, upstream: spare }
  - { id: hole, path_prefix: /hole, upstream: hole }
  - { id: half-hole, path_prefix: /half-hole, upstream: half-hole }
  - { id: impatient, path_prefix: /impatient, upstream: half-hole, timeout: 80ms }
  - { id: tls, path_prefix: /tls, upstream: tls }
  - { id: nowhere, path_prefix: /nowhere, upstream: nowhere }
`,
  });
  port = portOf(gateway);
});

after(async () => {
  await hole?.[Symbol.asyncDispose]();
  await gateway?.stop();
  await origin?.close();
  await raw?.close();
});

function ask(path: string, method = 'GET', body = ''): Promise<RawResponse> {
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  return rawRequest(port, `${method} ${path} HTTP/1.1\r\nHost: h\r\n${length}\r\n${body}`);
}

function expectProblem(response: RawResponse, status: number, reason: string, proxyError = reason): void {
  assert.equal(response.status, status, response.text);
  assert.equal(field(response.headers, 'content-type'), 'application/problem+json');
  assert.equal(field(response.headers, 'proxy-status'), `weir; error=${proxyError}`);
  const problem = JSON.parse(response.body.toString()) as Record<string, unknown>;
  assert.equal(problem['reason'], reason);
  assert.equal(problem['status'], status);
  assert.equal(problem['instance'], field(response.headers, 'x-request-id'));
}

/** How much a sum of samples grew over `during`. */
async function gained(name: string, labels: string[], during: () => Promise<void>): Promise<number> {
  const before = total(await gateway.metrics(), name, ...labels);
  await during();
  return total(await gateway.metrics(), name, ...labels) - before;
}

// ── no connection ──────────────────────────────────────────────────────────────────────────────────────────────────

test('all endpoints refuse: 502, and each was asked once', async () => {
  const retries = await gained(
    'upstream_retries_total',
    ['upstream="dead"', 'reason="connection_refused"'],
    async () => {
      expectProblem(await ask('/dead'), 502, 'connection_refused');
    },
  );
  assert.equal(retries, 1);
});

test('an endpoint that refuses is passed over for any method, with any body, and without a configured retry', async () => {
  const chunked = `${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n0\r\n\r\n`;
  for (let n = 0; n < 4; n++) {
    assert.equal((await ask('/half-dead')).status, 200);
    assert.equal((await ask('/half-dead', 'POST', 'x'.repeat(100))).status, 200);
    assert.equal((await ask('/half-dead', 'POST', 'x'.repeat(100_000))).status, 200);
    const seen = origin.requests.length;
    const streamed = await rawRequest(
      port,
      `POST /half-dead HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    );
    assert.equal(streamed.status, 200);
    assert.equal(origin.requests[seen]!.body.length, 100_000);
  }
});

test('a backup takes over when all others refuse', async () => {
  for (let n = 0; n < 3; n++) assert.equal((await ask('/spare')).status, 200);
});

test('an endpoint that does not accept in connect_timeout: 504', async () => {
  const began = performance.now();
  expectProblem(await ask('/hole'), 504, 'connection_timeout');
  const tookMs = performance.now() - began;
  assert.ok(tookMs >= 195 && tookMs < 600, `${tookMs} ms`);
});

test('an endpoint that does not accept in connect_timeout is passed over', async () => {
  for (let n = 0; n < 4; n++) assert.equal((await ask('/half-hole')).status, 200);
});

test('passing over ends with the deadline', async () => {
  const statuses = [];
  for (let n = 0; n < 4; n++) {
    const began = performance.now();
    const response = await ask('/impatient');
    statuses.push(response.status);
    assert.ok(performance.now() - began < 300);
    if (response.status !== 200) expectProblem(response, 504, 'http_response_timeout');
  }
  assert.ok(statuses.includes(504) && statuses.includes(200), statuses.join());
});

test('an upstream that speaks no TLS: 502', async () => {
  rawScript = (connection) => connection.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  expectProblem(await ask('/tls'), 502, 'tls_protocol_error');
});

test('a name that does not resolve: 502', async () => {
  expectProblem(await ask('/nowhere'), 502, 'dns_error');
});

// ── no answer ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('an origin that hangs: 504 at the deadline, and the origin is let go', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const began = performance.now();
  expectProblem(await ask('/hanging'), 504, 'http_response_timeout');
  const tookMs = performance.now() - began;
  assert.ok(tookMs >= 299 && tookMs < 450, `${tookMs} ms`);
  await until(1000, 'the origin to see the end', () => origin.requests[seen]?.aborted);
  assert.equal(origin.requests.length - seen, 1);
});

test('a client that stops in its body: 408 at the deadline', async () => {
  const response = await rawRequest(port, 'POST /hanging HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc');
  expectProblem(response, 408, 'request_timeout', 'http_request_error');
  assert.equal(field(response.headers, 'connection'), 'close');
});

test('closed before an answer byte: POST is not repeated', async () => {
  const connections = raw.connections.length;
  rawScript = async (connection) => {
    await connection.bytes((text) => text.endsWith('hi'));
    connection.end();
  };
  for (const path of ['/raw', '/once']) expectProblem(await ask(path, 'POST', 'hi'), 502, 'connection_terminated');
  assert.equal(raw.connections.length - connections, 2);
});

test('reset before an answer byte: the same', async () => {
  const connections = raw.connections.length;
  rawScript = async (connection) => {
    await connection.head();
    connection.reset();
  };
  expectProblem(await ask('/raw', 'POST', 'hi'), 502, 'connection_terminated');
  expectProblem(await ask('/once'), 502, 'connection_terminated');
  assert.equal(raw.connections.length - connections, 2);
});

test('closed before an answer byte: an idempotent request is repeated as often as configured', async () => {
  for (const [path, method, tries] of [
    ['/raw', 'GET', 2],
    ['/raw', 'PUT', 2],
    ['/once', 'GET', 1],
  ] as const) {
    const connections = raw.connections.length;
    rawScript = async (connection) => {
      await connection.head();
      connection.end();
    };
    expectProblem(await ask(path, method), 502, 'connection_terminated');
    assert.equal(raw.connections.length - connections, tries, `${method} ${path}`);
  }
  let failures = 1;
  rawScript = async (connection) => {
    await connection.head();
    connection.end(failures-- > 0 ? '' : OK);
  };
  assert.equal((await ask('/raw')).status, 200);
});

test('a body that the upstream has begun to take is not sent again, whatever the method', async () => {
  await dropIdle();
  for (const framing of ['Transfer-Encoding: chunked', 'Content-Length: 100000']) {
    const connections = raw.connections.length;
    rawScript = async (connection) => {
      await connection.bytes((text) => text.includes('begun'));
      connection.end();
    };
    const client = await openRaw(port);
    client.send(
      `PUT /raw HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n${framing.startsWith('T') ? '5\r\nbegun\r\n' : 'begun'}`,
    );
    const answer = await client.response();
    assert.equal(answer.status, 502);
    assert.equal(field(answer.headers, 'proxy-status'), 'weir; error=connection_terminated');
    assert.equal(raw.connections.length - connections, 1, framing);
    client.destroy();
  }
});

/** Leaves one idle upstream connection that the origin closes as soon as a second request comes on it. */
async function withStaleConnection(path: string): Promise<void> {
  rawScript = async (connection, index) => {
    const first = index === raw.connections.length - 1;
    await connection.head();
    connection.send(OK);
    if (!first) return;
    await connection.head(2);
    connection.reset();
  };
  await until(1000, 'no connection to the raw origin', () =>
    raw.connections.every((connection) => connection.ended || connection.socket.destroyed),
  );
  assert.equal((await ask(path)).status, 200);
  rawScript = async (connection) => {
    await connection.head();
    connection.send(OK);
  };
}

async function dropIdle(): Promise<void> {
  for (const { socket } of raw.connections) socket.destroy();
  await until(1000, 'the raw origin to be alone', () => raw.connections.every(({ socket }) => socket.destroyed));
}

test('a reused connection that dies unanswered: GET is repeated on a new one, and that costs no configured retry', async () => {
  await dropIdle();
  await withStaleConnection('/once');
  const connections = raw.connections.length;
  const retries = await gained('upstream_retries_total', ['upstream="raw-once"'], async () => {
    assert.equal((await ask('/once')).status, 200);
  });
  assert.equal(raw.connections.length - connections, 1);
  assert.equal(retries, 1);
});

test('a reused connection that dies unanswered: POST is not repeated', async () => {
  await dropIdle();
  await withStaleConnection('/once');
  const connections = raw.connections.length;
  expectProblem(await ask('/once', 'POST', 'hi'), 502, 'connection_terminated');
  assert.equal(raw.connections.length, connections);
});

// ── a bad answer ───────────────────────────────────────────────────────────────────────────────────────────────────

test('an answer that is no HTTP: 502, not repeated, and nothing of it reaches the client', async () => {
  for (const answer of [
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/2.0 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nbad name: secret\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nsecret',
    'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nsecret',
    'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\nsecret',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nsecret',
    'HTTP/1.1 200 OK\r\nX: a\x00secret\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nsecret',
    `HTTP/1.1 200 OK\r\nX-Long: ${'secret'.repeat(20_000)}\r\n\r\n`,
  ]) {
    const connections = raw.connections.length;
    rawScript = async (connection) => {
      await connection.head();
      connection.end(answer);
    };
    const response = await ask('/raw');
    expectProblem(response, 502, 'http_protocol_error');
    assert.doesNotMatch(response.text, /secret/);
    assert.equal(raw.connections.length - connections, 1, answer.slice(0, 80));
  }
});

test("bytes after an answer are not the next client's", async () => {
  await dropIdle();
  rawScript = async (connection) => {
    await connection.head();
    connection.send(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`);
  };
  assert.equal((await ask('/raw')).body.toString(), 'ok');
  rawScript = (connection) => {
    let answered = 0;
    connection.socket.on('data', () => {
      for (const heads = connection.text.split('\r\n\r\n').length - 1; answered < heads; answered++)
        connection.send(OK);
    });
  };
  for (let n = 0; n < 5; n++) assert.equal((await ask('/raw')).body.toString(), 'ok');
});

// ── cut answers ────────────────────────────────────────────────────────────────────────────────────────────────────

for (const [how, script] of [
  ['short of its length, by a reset', cut(200_000, 100_000, 'reset')],
  ['short of its length, in order', cut(200_000, 100_000, 'end')],
  [
    'within its chunks',
    (_request, response) => {
      response.writeHead(200);
      response.write(pattern(0, 100_000), () => setTimeout(() => response.socket?.destroy(), 20));
    },
  ],
] as [string, Parameters<typeof startOrigin>[0] & object][]) {
  test(`an answer that ends ${how} is cut for the client too, and counted`, async () => {
    origin.answer(script);
    const failures = await gained(
      'http_request_failures_total',
      ['route="origin"', 'reason="http_response_incomplete"'],
      async () => {
        const response = await rawRequest(port, 'GET /origin HTTP/1.1\r\nHost: h\r\n\r\n');
        assert.equal(response.status, 200);
        assert.equal(response.complete, false);
        assert.ok(response.body.equals(pattern(0, response.body.length)));
        assert.ok(response.closed);
      },
    );
    assert.equal(failures, 1);
  });
}

test('where only the end of the connection ends the answer, a cut is a reset and no clean end', async () => {
  origin.answer((_request, response) => {
    response.writeHead(200);
    response.write(pattern(0, 30_000), () => setTimeout(() => response.socket?.destroy(), 50));
  });
  const client = await openRaw(port);
  client.send('GET /origin HTTP/1.0\r\nHost: h\r\n\r\n');
  await client.gone();
  assert.equal(client.error?.code, 'ECONNRESET');
});

test('the deadline within an answer cuts it', async () => {
  origin.answer((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
  });
  const response = await ask('/hanging');
  assert.equal(response.status, 200);
  assert.equal(response.complete, false);
  assert.ok(response.closed);
});

test('an answer that comes before the end of the request reaches a client that is still sending', async () => {
  await dropIdle();
  rawScript = async (connection) => {
    await connection.head();
    connection.end('HTTP/1.1 413 Too Much\r\nContent-Length: 4\r\nConnection: close\r\n\r\nstop');
  };
  const client = await openRaw(port);
  client.send('POST /raw HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n');
  client.send(Buffer.alloc(1_000_000));
  const answer = await client.response();
  assert.equal(answer.status, 413);
  assert.equal(answer.body.toString(), 'stop');
  assert.equal(field(answer.headers, 'connection'), 'close');
  client.destroy();
});

// ── the client leaves ──────────────────────────────────────────────────────────────────────────────────────────────

for (const [when, begin] of [
  ['before the answer', 'GET /origin/wait HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['within its body', 'POST /origin/wait HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc'],
] as const) {
  for (const how of ['reset', 'close'] as const) {
    test(`a client that goes ${when} by ${how} is gone for the origin within 100 ms, and counts as 499`, async (t) => {
      t.after(() => origin.release());
      origin.hold();
      const seen = origin.requests.length;
      const count = await gained('http_requests_total', ['route="origin"', 'status="499"'], async () => {
        const client = await openRaw(port);
        client.send(begin);
        const request = await origin.arrived(seen + 1);
        const leftMs = performance.now();
        if (how === 'reset') client.reset();
        else client.destroy();
        await until(1000, 'the origin to notice', () => request.aborted, 1);
        assert.ok(performance.now() - leftMs < 100, `${performance.now() - leftMs} ms`);
        await atRest(gateway);
      });
      assert.equal(count, 1);
    });
  }
}

test("a client that goes within the answer ends the origin's sending, and counts as client_closed", async () => {
  let closedMs = 0;
  origin.answer((_request, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('tick\n'), 5);
    response.once('close', () => {
      clearInterval(timer);
      closedMs = performance.now();
    });
  });
  const count = await gained('http_request_failures_total', ['route="origin"', 'reason="client_closed"'], async () => {
    const client = await openRaw(port);
    client.send('GET /origin HTTP/1.1\r\nHost: h\r\n\r\n');
    await client.received((text) => text.includes('tick'));
    const leftMs = performance.now();
    client.destroy();
    await until(1000, 'the origin to notice', () => closedMs > 0, 1);
    assert.ok(closedMs - leftMs < 100);
    await atRest(gateway);
  });
  assert.equal(count, 1);
});

test('requests that were sent ahead go with their client', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const client = await openRaw(port);
  client.send(
    'GET /origin/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /origin/2 HTTP/1.1\r\nHost: h\r\n\r\nGET /origin/3 HTTP/1.1\r\nHost: h\r\n\r\n',
  );
  await origin.arrived(seen + 1);
  client.reset();
  origin.release();
  await atRest(gateway);
});

test('more requests ahead than anybody sends end the connection, and nothing of them stays', async (t) => {
  t.after(() => origin.release());
  origin.hold();
  const seen = origin.requests.length;
  const client = await openRaw(port);
  client.send('GET /origin HTTP/1.1\r\nHost: h\r\n\r\n');
  await origin.arrived(seen + 1);
  client.send('GET /origin HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(400));
  await client.gone();
  client.destroy();
  await atRest(gateway);
  origin.release();
});

test('afterwards nothing is held and every worker lives', async () => {
  await atRest(gateway);
  assert.equal((await gateway.state()).workers.length, 1);
  assert.equal(total(await gateway.metrics(), 'worker_deaths_total'), 0);
  assert.doesNotMatch(gateway.stderr(), /"level":(50|60)/);
});
