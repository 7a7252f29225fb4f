// Our own connection behind undici's Pool, against real sockets: reuse, stale connections, aborts, broken peers, bodies
// in both directions.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { Dispatcher } from 'undici';
import type { Http1Controller } from '../../../src/worker/upstream/http1-client.ts';
import { createPool } from '../../../src/worker/upstream/pool.ts';
import { within } from '../../helpers/deadline.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

interface Peer extends AsyncDisposable {
  origin: string;
  /** connections accepted so far, in order */
  sockets: Socket[];
  /** everything received, per connection */
  received: string[];
}

/** A raw TCP peer; `answer` is called with each chunk and may write. */
async function startPeer(answer: (socket: Socket, text: string, connection: number) => void): Promise<Peer> {
  const peer = { sockets: [] as Socket[], received: [] as string[] };
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const index = peer.sockets.push(socket) - 1;
    peer.received.push('');
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      peer.received[index] += chunk.toString('latin1');
      answer(socket, chunk.toString('latin1'), index);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    ...peer,
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of peer.sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Outcome {
  status: number;
  body: string;
  error: (Error & { code?: string; stale?: boolean }) | null;
}

interface Call {
  method?: string;
  body?: Buffer | Readable | null;
  headers?: string[];
  fresh?: boolean;
  onData?: (controller: Http1Controller, chunk: Buffer) => void;
  onStart?: (controller: Http1Controller) => void;
}

function call(pool: Dispatcher, options: Call = {}): Promise<Outcome> {
  const outcome: Outcome = { status: 0, body: '', error: null };
  const done = new Promise<Outcome>((resolve) => {
    const handler = {
      onRequestStart: (controller: Http1Controller) => options.onStart?.(controller),
      onResponseStart: (_controller: Http1Controller, status: number) => {
        outcome.status = status;
      },
      onResponseData: (controller: Http1Controller, chunk: Buffer) => {
        outcome.body += chunk.toString('latin1');
        options.onData?.(controller, chunk);
      },
      onResponseEnd: () => resolve(outcome),
      onResponseError: (_controller: Http1Controller | null, error: Error) => {
        outcome.error = error;
        resolve(outcome);
      },
    };
    const request = {
      method: options.method ?? 'GET',
      path: '/',
      headers: ['host', 'x', ...(options.headers ?? [])],
      body: options.body ?? null,
      fresh: options.fresh ?? false,
    };
    pool.dispatch(request as never, handler as never);
  });
  return within(3000, done, 'the answer');
}

test('one connection carries one request after the other', async () => {
  await using peer = await startPeer((socket) => socket.write(OK));
  const pool = createPool(peer.origin, 500);
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await call(pool), { status: 200, body: 'ok', error: null });
  }
  assert.equal(peer.sockets.length, 1);
  await pool.destroy();
});

test('requests at the same time have a connection each, and all of them are used again', async () => {
  await using peer = await startPeer((socket) => setImmediate(() => socket.write(OK)));
  const pool = createPool(peer.origin, 500);
  for (let round = 0; round < 2; round++) {
    const outcomes = await Promise.all([call(pool), call(pool), call(pool)]);
    assert.ok(outcomes.every((outcome) => outcome.body === 'ok'));
  }
  assert.equal(peer.sockets.length, 3);
  await pool.destroy();
});

test('a pool with one connection serves waiting requests in turn', async () => {
  await using peer = await startPeer((socket) => setImmediate(() => socket.write(OK)));
  const pool = createPool(peer.origin, 500, 1);
  const outcomes = await Promise.all([call(pool), call(pool), call(pool)]);
  assert.ok(outcomes.every((outcome) => outcome.body === 'ok'));
  assert.equal(peer.sockets.length, 1);
  await pool.destroy();
});

test('bytes that come after an answer end the connection and never answer a waiting request', async () => {
  await using peer = await startPeer((socket, _text, connection) => {
    if (connection === 0) socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`);
    else socket.write(OK);
  });
  const pool = createPool(peer.origin, 500, 1);
  const outcomes = await Promise.all([call(pool), call(pool)]);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.body),
    ['ok', 'ok'],
  );
  assert.equal(peer.sockets.length, 2);
  await pool.destroy();
});

test('bytes on an idle connection end it', async () => {
  await using peer = await startPeer((socket) => socket.write(OK));
  const pool = createPool(peer.origin, 500);
  await call(pool);
  const [first] = peer.sockets;
  const closed = once(first!, 'end');
  first!.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
  await within(2000, Promise.race([closed, once(first!, 'close')]), 'the connection to be given up');
  assert.equal((await call(pool)).body, 'ok');
  assert.equal(peer.sockets.length, 2);
  await pool.destroy();
});

test('a reused connection that dies unanswered is called stale, a new one is not', async () => {
  let answers = 1;
  await using peer = await startPeer((socket) => {
    if (answers-- > 0) socket.write(OK);
    else socket.destroy();
  });
  const pool = createPool(peer.origin, 500);
  await call(pool);
  const stale = await call(pool);
  assert.equal(stale.error?.code, 'WEIR_CONNECTION_LOST');
  assert.equal(stale.error?.stale, true);
  const unlucky = await call(pool);
  assert.equal(unlucky.error?.stale, false);
  await pool.destroy();
});

test('a fresh request does not use a connection that has carried others', async () => {
  await using peer = await startPeer((socket) => socket.write(OK));
  const pool = createPool(peer.origin, 500);
  await call(pool);
  await call(pool, { fresh: true });
  assert.equal(peer.sockets.length, 2);
  await pool.destroy();
});

test('a connection that the peer closed while idle is replaced without a failure', async () => {
  await using peer = await startPeer((socket) => socket.write(OK));
  const pool = createPool(peer.origin, 500);
  await call(pool);
  const closed = once(peer.sockets[0]!, 'close');
  peer.sockets[0]!.end();
  await within(2000, closed, 'our side to close too');
  assert.deepEqual(await call(pool), { status: 200, body: 'ok', error: null });
  await pool.destroy();
});

test('Keep-Alive of the peer decides how long an idle connection is trusted', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok';
  await using peer = await startPeer((socket) => socket.write(answer));
  const pool = createPool(peer.origin, 500);
  await call(pool);
  const sent = performance.now();
  while (performance.now() - sent < 3);
  await call(pool);
  assert.equal(peer.sockets.length, 2);
  await pool.destroy();
});

test('refused, timed out and unresolvable connections fail with their own codes', async () => {
  const peer = await startPeer(() => {});
  const { origin } = peer;
  await peer[Symbol.asyncDispose]();
  assert.equal((await call(createPool(origin, 500))).error?.code, 'ECONNREFUSED');
  assert.match(
    (await call(createPool('http://no-such-name.invalid:80', 2000))).error?.code ?? '',
    /^(ENOTFOUND|EAI_AGAIN)$/,
  );
});

test('an abort destroys the connection and the pool goes on with another', async () => {
  await using peer = await startPeer((socket, text) => {
    if (text.startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    else socket.write(OK);
  });
  const pool = createPool(peer.origin, 500);
  const aborted = await call(pool, { onData: (controller) => controller.abort(new Error('enough')) });
  assert.equal(aborted.error?.message, 'enough');
  assert.equal((await call(pool, { method: 'DELETE' })).body, 'ok');
  assert.equal(peer.sockets.length, 2);
  await pool.destroy();
});

test('a broken answer fails the request and costs the connection', async () => {
  await using peer = await startPeer((socket, _text, connection) =>
    socket.write(connection === 0 ? 'nonsense\r\n\r\n' : OK),
  );
  const pool = createPool(peer.origin, 500);
  assert.equal((await call(pool)).error?.code, 'WEIR_BAD_RESPONSE');
  assert.equal((await call(pool)).body, 'ok');
  await pool.destroy();
});

test('a small body leaves in one segment with its head, a stream of unknown length in chunks', async () => {
  const chunks: string[] = [];
  await using peer = await startPeer((socket, text) => {
    chunks.push(text);
    if (text.endsWith('small') || text.endsWith('0\r\n\r\n')) socket.write(OK);
  });
  const pool = createPool(peer.origin, 500);
  await call(pool, { method: 'POST', body: Buffer.from('small') });
  assert.equal(chunks.length, 1);
  assert.match(chunks[0]!, /\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nsmall$/);
  await call(pool, { method: 'POST', body: Readable.from([Buffer.from('ab'), Buffer.from('cde')]) });
  assert.match(peer.received[0]!, /transfer-encoding: chunked\r\n.*\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n$/s);
  await pool.destroy();
});

test('a stream that is shorter than announced fails the request and is not followed by another on that connection', async () => {
  await using peer = await startPeer((socket, text) => {
    if (text.startsWith('GET')) socket.write(OK);
  });
  const pool = createPool(peer.origin, 500);
  const short = await call(pool, {
    method: 'POST',
    headers: ['content-length', '9'],
    body: Readable.from([Buffer.from('ab')]),
  });
  assert.equal(short.error?.code, 'WEIR_BODY_LENGTH');
  assert.equal((await call(pool)).body, 'ok');
  assert.equal(peer.sockets.length, 2);
  await pool.destroy();
});

test('an answer before the end of the request body ends the connection', async () => {
  await using peer = await startPeer((socket, text) => {
    if (text.startsWith('POST')) socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
    else socket.write(OK);
  });
  const pool = createPool(peer.origin, 500);
  const endless = new Readable({ read() {} });
  endless.push(Buffer.from('beginning'));
  assert.equal((await call(pool, { method: 'POST', body: endless })).status, 413);
  assert.equal((await call(pool)).body, 'ok');
  assert.equal(peer.sockets.length, 2);
  await pool.destroy();
});

test('a paused answer stops reading: the peer cannot push more than the socket buffers hold', async () => {
  const total = 8 * 1024 * 1024;
  await using peer = await startPeer((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    socket.write(Buffer.alloc(total, 97));
  });
  const pool = createPool(peer.origin, 500);
  let received = 0;
  let paused: Http1Controller | null = null;
  const firstData = Promise.withResolvers<void>();
  const finished = call(pool, {
    onData: (controller, chunk) => {
      received += chunk.length;
      if (paused !== null) return;
      paused = controller;
      controller.pause();
      firstData.resolve();
    },
  });
  await firstData.promise;
  const atPause = received;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(received, atPause);
  paused!.resume();
  assert.equal((await finished).body.length, total);
  await pool.destroy();
});

test('closing waits for the answer under way, destroying does not', async () => {
  const arrived = Promise.withResolvers<Socket>();
  await using peer = await startPeer((socket) => arrived.resolve(socket));
  const pool = createPool(peer.origin, 500);
  const first = call(pool);
  const socket = await within(2000, arrived.promise, 'the request to arrive');
  const closed = pool.close();
  socket.write(OK);
  assert.equal((await first).body, 'ok');
  await within(2000, closed, 'the pool to close');

  const other = createPool(peer.origin, 500);
  const second = call(other);
  await other.destroy();
  assert.ok((await second).error);
});
