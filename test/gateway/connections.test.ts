// The life of client connections on a real gateway: what is answered in turn, what is cut, and when.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { until, within } from '../helpers/deadline.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { delayed, startOrigin } from '../helpers/origin.ts';

async function gatewayFor(origin: { url: string }, limits = ''): Promise<Gateway> {
  return startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
${limits === '' ? '' : `limits: ${limits}`}
upstreams: { u: { endpoints: ['${origin.url}'] } }
routes: [{ id: all, path_prefix: /, upstream: u, timeout: 20s }]
`,
  });
}

interface Talk {
  socket: Socket;
  text: () => string;
  ended: Promise<unknown>;
}

async function talk(gateway: Gateway, text: string): Promise<Talk> {
  const socket = connect({ port: Number(new URL(gateway.url).port), host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  await once(socket, 'connect');
  const ended = Promise.race([once(socket, 'end'), once(socket, 'close')]);
  if (text !== '') socket.write(text, 'latin1');
  return { socket, text: () => received, ended };
}

const HOST = 'Host: a.example\r\n';

test('a head that stays unfinished is answered with 408 once its time is over', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin, '{ header_timeout: 1s, idle_timeout: 10s }');
  const began = performance.now();
  const { text, ended } = await talk(gateway, `GET / HTTP/1.1\r\n${HOST}X-Slow: `);
  await within(4000, ended, 'the connection to end');
  const took = performance.now() - began;
  assert.match(text(), /^HTTP\/1\.1 408 .*\r\nconnection: close\r\n.*"reason":"request_timeout"/s);
  assert.ok(took > 900 && took < 2500, `${took} ms`);
  assert.equal(origin.requests.length, 0);
});

test('the time of a second head on a connection is counted from its own first byte', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin, '{ header_timeout: 1s, idle_timeout: 10s }');
  const { socket, text, ended } = await talk(gateway, `GET /1 HTTP/1.1\r\n${HOST}\r\n`);
  await until(3000, 'the first answer', () => text().includes('200 OK'));
  socket.write('GET /2 HTTP/1.1\r\n');
  await within(4000, ended, 'the connection to end');
  assert.match(text(), /HTTP\/1\.1 408 /);
});

test('a connection that never sends a byte is closed after the time of a head', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin, '{ header_timeout: 1s, idle_timeout: 10s }');
  const { text, ended } = await talk(gateway, '');
  await within(4000, ended, 'the connection to end');
  assert.equal(text(), '');
});

test('an idle connection is closed after idle_timeout, and told so beforehand', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin, '{ header_timeout: 10s, idle_timeout: 2s }');
  const { text, ended } = await talk(gateway, `GET / HTTP/1.1\r\n${HOST}\r\n`);
  await until(3000, 'the answer', () => text().includes('200 OK'));
  assert.match(text(), /\r\nkeep-alive: timeout=1\r\n/);
  const began = performance.now();
  await within(5000, ended, 'the connection to end');
  assert.ok(performance.now() - began > 1300);
});

test('requests sent ahead are answered in their order, bodies included', async () => {
  await using origin = await startOrigin((request, response, recorded) => {
    // the first is the slowest: order must come from the gateway
    setTimeout(() => response.end(`${request.url}:${recorded.body}`), request.url === '/1' ? 100 : 0);
  });
  await using gateway = await gatewayFor(origin);
  const { text, socket } = await talk(
    gateway,
    [
      `GET /1 HTTP/1.1\r\n${HOST}\r\n`,
      `POST /2 HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
      `POST /3 HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n`,
      `GET /4 HTTP/1.1\r\n${HOST}\r\n`,
    ].join(''),
  );
  await until(4000, 'four answers', () => text().split('200 OK').length === 5);
  await until(4000, 'the last body', () => text().includes('/4:'));
  assert.deepEqual([...text().matchAll(/\/\d:[a-e]*/g)].map(String), ['/1:', '/2:abc', '/3:de', '/4:']);
  socket.destroy();
});

test('bytes after a request that ends the connection are not taken for another', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin);
  const { ended, text } = await talk(
    gateway,
    `GET /1 HTTP/1.1\r\n${HOST}Connection: close\r\n\r\nGET /2 HTTP/1.1\r\n${HOST}\r\n`,
  );
  await within(4000, ended, 'the connection to end');
  assert.equal(text().split('HTTP/1.1 200').length, 2);
  assert.deepEqual(
    origin.requests.map((request) => request.url),
    ['/1'],
  );
});

test('bytes that are no HTTP get 400, and what follows them reaches nobody', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin);
  const { ended, text } = await talk(gateway, `NONSENSE\r\n\r\nGET /smuggled HTTP/1.1\r\n${HOST}\r\n`);
  await within(4000, ended, 'the connection to end');
  assert.match(text(), /^HTTP\/1\.1 400 .*connection: close/s);
  assert.equal(origin.requests.length, 0);
});

test('a refusal is delivered although the client is still sending its body', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin, '{ max_body_bytes: 64KiB }');
  const { socket, ended, text } = await talk(gateway, `POST / HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n`);
  socket.write(Buffer.alloc(1_000_000, 97));
  await within(5000, ended, 'the connection to end');
  assert.match(text(), /^HTTP\/1\.1 413 .*"reason":"body_too_large"/s);
  assert.equal(origin.requests.length, 0);
});

test('a client that leaves before its answer is gone for the origin too', async () => {
  await using origin = await startOrigin(delayed(10_000));
  await using gateway = await gatewayFor(origin);
  const { socket } = await talk(gateway, `GET / HTTP/1.1\r\n${HOST}\r\n`);
  await until(3000, 'the request to arrive', () => origin.inFlight === 1);
  socket.destroy();
  await until(1000, 'the origin to lose it', () => origin.inFlight === 0);
  const state = await until(1000, 'nothing in flight', async () => {
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    return /^http_requests_active 0$/m.test(metrics) ? metrics : '';
  });
  assert.match(state, /http_requests_total\{route="all",method="GET",status="499"\} 1/);
});

test('CONNECT is refused, and an upgrade goes on as the ordinary request that it also is', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin);
  const refused = await talk(gateway, `CONNECT a.example:443 HTTP/1.1\r\n${HOST}\r\n`);
  await within(4000, refused.ended, 'the connection to end');
  assert.match(refused.text(), /^HTTP\/1\.1 501 /);
  const plain = await talk(gateway, `GET /ws HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  await until(3000, 'the answer', () => plain.text().includes('200 OK'));
  assert.equal(origin.requests.length, 1);
  assert.ok(!origin.requests[0]!.rawHeaders.some((text) => /upgrade|websocket/i.test(text)));
  plain.socket.destroy();
});

test('OPTIONS * is answered by the gateway itself', async () => {
  await using origin = await startOrigin();
  await using gateway = await gatewayFor(origin);
  const { text, socket } = await talk(gateway, `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`);
  await until(3000, 'the answer', () => text().endsWith('\r\n\r\n'));
  assert.match(text(), /^HTTP\/1\.1 204 No Content\r\nallow: GET/);
  assert.equal(origin.requests.length, 0);
  socket.destroy();
});
