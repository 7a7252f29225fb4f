// The Pool of an endpoint as the exchange uses it. What Http1Client does by itself is told in http1-client.test.ts.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { Dispatcher } from 'undici';
import { createPool } from '../../../src/worker/upstream/pool.ts';
import { within } from '../../helpers/deadline.ts';
import { type Origin, reply, startOrigin } from '../../helpers/origin.ts';

interface Outcome {
  status: number;
  error: (Error & { code?: string }) | null;
}

function ask(pool: Dispatcher, path: string, headers: string[] = []): Promise<Outcome> {
  const outcome: Outcome = { status: 0, error: null };
  const done = new Promise<Outcome>((resolve) => {
    pool.dispatch(
      { method: 'GET', path, headers: ['host', 'h', ...headers], body: null } as Dispatcher.DispatchOptions,
      {
        onRequestStart() {},
        onResponseStart(_controller, status) {
          outcome.status = status;
        },
        onResponseData() {},
        onResponseEnd: () => resolve(outcome),
        onResponseError(_controller, error) {
          outcome.error = error;
          resolve(outcome);
        },
      },
    );
  });
  return within(5000, done, `an outcome for ${path}`);
}

test('over TLS, a request that undici refuses for its arguments does not keep the next ones waiting', async (t) => {
  // It speaks no TLS: an attempt that gets as far as the socket fails at once, one that waits for a busy client never does.
  const server = createServer((socket) => socket.end('no TLS here\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const pool = createPool(`https://127.0.0.1:${port}`, 1000, 1);
  t.after(() => pool.destroy());
  for (const [path, headers] of [
    ['/with blank', []],
    ['/', ['transfer-encoding', 'chunked']],
    ['/', ['expect', '100-continue']],
    ['/', ['content-length', 'x']],
    ['/', ['bad name', 'x']],
  ] as const) {
    const refused = await ask(pool, path, [...headers]);
    assert.match(refused.error?.code ?? '', /^UND_ERR_(INVALID_ARG|NOT_SUPPORTED)$/, path);
    const valid = await ask(pool, '/valid');
    assert.ok(valid.error, 'the peer speaks no TLS');
    assert.doesNotMatch(valid.error.code ?? '', /^UND_ERR_INVALID_ARG$/);
  }
});

test('a pool opens no more connections than there are requests at once, and uses them again', async (t) => {
  const origin: Origin = await startOrigin(reply(200, 'ok'));
  t.after(() => origin.close());
  const pool = createPool(origin.url, 1000);
  t.after(() => pool.destroy());
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(['/1', '/2', '/3'].map((path) => ask(pool, path)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
  }
  assert.equal(origin.connections, 3);
});

test('an answer that was paused as it ended does not hold up the next one on its connection', async (t) => {
  const origin = await startOrigin(reply(200, Buffer.alloc(1000)));
  t.after(() => origin.close());
  const pool = createPool(origin.url, 1000, 1);
  t.after(() => pool.destroy());
  const paused = new Promise<void>((resolve, reject) => {
    pool.dispatch(
      { method: 'GET', path: '/first', headers: ['host', 'h'], body: null } as unknown as Dispatcher.DispatchOptions,
      {
        onRequestStart() {},
        onResponseStart() {},
        // the client of this one is slow: back-pressure with the very last bytes
        onResponseData: (controller) => controller.pause(),
        onResponseEnd: () => resolve(),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
  await within(5000, paused, 'the first answer');
  assert.equal((await ask(pool, '/second')).status, 200);
  assert.equal(origin.connections, 1);
});

test('an abort from within an answer does not hand the rest of it to the next request', async (t) => {
  const origin = await startOrigin(reply(200, 'rest of the first'));
  t.after(() => origin.close());
  for (const where of ['head', 'data'] as const) {
    const pool = createPool(origin.url, 1000, 1);
    const second: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      const abort = (controller: Dispatcher.DispatchController) => {
        origin.answer(reply(200, 'second'));
        // waits in the pool, and is taken as soon as the abort has freed the only connection
        pool.dispatch(options('/second'), {
          onRequestStart() {},
          onResponseStart: (_controller, status) => void second.push(String(status)),
          onResponseData: (_controller, chunk) => void second.push(chunk.toString()),
          onResponseEnd: () => resolve(),
          onResponseError: (_controller, error) => reject(error),
        });
        controller.abort(new Error('enough'));
      };
      pool.dispatch(options('/first'), {
        onRequestStart() {},
        onResponseStart: (controller) => where === 'head' && abort(controller),
        onResponseData: (controller) => where === 'data' && abort(controller),
        onResponseEnd: () => reject(new Error('the first one ended')),
        onResponseError() {},
      });
    });
    await within(5000, ended, 'the second answer');
    assert.deepEqual(second, ['200', 'second'], where);
    await pool.destroy();
    origin.answer(reply(200, 'rest of the first'));
  }
});

function options(path: string): Dispatcher.DispatchOptions {
  return { method: 'GET', path, headers: ['host', 'h'], body: null } as unknown as Dispatcher.DispatchOptions;
}
