// The helpers are instruments: each story here shows that one of them can tell right from wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fields, get, openClient, openRaw, rawRequest } from './client.ts';
import { until, within } from './deadline.ts';
import { cut, delayed, pattern, reply, startOrigin, startRawOrigin, streamed, trailing } from './origin.ts';
import { freePort } from './ports.ts';

test('an origin keeps what it was asked, byte for byte', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  const answer = await rawRequest(
    origin.port,
    'POST /a%20b?c HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 3\r\n\r\nabc',
  );
  assert.equal(answer.status, 200);
  assert.equal(answer.complete, true);
  const [seen] = origin.requests;
  assert.equal(seen?.method, 'POST');
  assert.equal(seen?.url, '/a%20b?c');
  assert.deepEqual(seen?.field('X-TWO'), ['1', '2']);
  assert.equal(seen?.body.toString(), 'abc');
});

test('an origin that holds counts what is in flight', async (t) => {
  const origin = await startOrigin(reply(204));
  t.after(() => origin.close());
  origin.hold();
  const client = openClient(3);
  t.after(() => client.close());
  const answers = [1, 2, 3, 4].map((n) => client.get(`${origin.url}/${n}`));
  await origin.arrived(3);
  await until(2000, 'three held requests', () => origin.held === 3);
  assert.equal(origin.inFlight, 3);
  origin.release(1);
  await origin.arrived(4);
  origin.release();
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 204);
  assert.equal(origin.inFlight, 0);
  assert.equal(origin.inFlightMax, 3);
  assert.equal(origin.connections, 3);
});

test('bodies, trailers and cuts come as told', async (t) => {
  const origin = await startOrigin(streamed(300_000, 'chunked'));
  t.after(() => origin.close());
  const ask = () => rawRequest(origin.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  for (const framing of ['length', 'chunked', 'close'] as const) {
    origin.answer(streamed(300_000, framing));
    const answer = await ask();
    assert.ok(answer.body.equals(pattern(0, 300_000)), framing);
    assert.equal(fields(answer.headers, 'content-length').length, framing === 'length' ? 1 : 0);
    assert.equal(fields(answer.headers, 'transfer-encoding').length, framing === 'chunked' ? 1 : 0);
  }
  origin.answer(trailing('body', { 'x-sum': '7' }));
  assert.deepEqual((await ask()).trailers, [['x-sum', '7']]);
  origin.answer(cut(1000, 10));
  const answer = await ask();
  assert.equal(answer.status, 200);
  assert.equal(answer.complete, false);
  assert.equal(answer.body.length, 10);
  await assert.rejects(get(origin.url), /aborted|ECONNRESET/);
});

test('a peer that leaves is seen as gone, and its request as aborted', async (t) => {
  const origin = await startOrigin(delayed(60_000));
  t.after(() => origin.close());
  const client = await openRaw(origin.port);
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const seen = await origin.arrived(1);
  client.reset();
  await until(2000, 'the abort', () => seen.aborted);
  assert.equal(origin.inFlight, 0);
});

test('several answers on one connection are told apart', async (t) => {
  const origin = await startRawOrigin(async (connection) => {
    await connection.head(2);
    connection.send('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\n');
    connection.end('Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n');
  });
  t.after(() => origin.close());
  const client = await openRaw(origin.port);
  t.after(() => client.destroy());
  client.send('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
  const first = await client.response();
  assert.deepEqual([first.status, first.body.toString()], [200, 'ok']);
  const second = await client.response();
  assert.deepEqual([second.status, second.body.toString()], [404, 'no']);
  await client.gone();
  assert.equal(origin.connections[0]?.text, 'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
});

test('a script of a raw origin that fails, fails the close', async () => {
  const origin = await startRawOrigin((connection) => {
    connection.end();
    throw new Error('the story went wrong');
  });
  const answer = await rawRequest(origin.port, 'x', { until: 'close' });
  assert.equal(answer.status, 0);
  assert.equal(answer.closed, true);
  await assert.rejects(origin.close(), /the story went wrong/);
});

test('deadlines name what did not come', async () => {
  await assert.rejects(within(5, new Promise(() => {}), 'the tide'), /the tide: not within 5 ms/);
  const failing = () => assert.equal(1, 2);
  await assert.rejects(until(5, 'sense', failing), (error: Error) => {
    assert.match(error.message, /sense: not within 5 ms/);
    assert.equal((error.cause as Error).name, 'AssertionError');
    return true;
  });
});

test('a free port can be listened on, and is given once', async (t) => {
  const ports = new Set<number>();
  for (let i = 0; i < 20; i++) ports.add(await freePort());
  assert.equal(ports.size, 20);
  const [port] = ports;
  const origin = await startOrigin(reply(200), { port: port! });
  t.after(() => origin.close());
  assert.equal((await get(`http://127.0.0.1:${port}`)).status, 200);
});
