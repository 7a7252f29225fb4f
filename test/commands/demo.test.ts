// The demo origins: what they answer, and that the forked process never outlives its parent.
import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type DemoMessage, startDemoOrigins } from '../../src/commands/demo.ts';
import { get, rawRequest } from '../helpers/client.ts';
import { until, within } from '../helpers/deadline.ts';
import { startOrigin } from '../helpers/origin.ts';

const DEMO = fileURLToPath(new URL('../../src/commands/demo.ts', import.meta.url));

test('the healthy origin shows what it was asked', async (t) => {
  const demo = await startDemoOrigins([0, 0, 0]);
  t.after(() => demo.close());
  const answer = await get(`http://127.0.0.1:${demo.ports[0]}/hello?a=1`, { headers: { 'x-seen': 'yes' } });
  assert.equal(answer.status, 200);
  const body = answer.json() as { path: string; host: string; headers: Record<string, string> };
  assert.equal(body.path, '/hello?a=1');
  assert.equal(body.host, `127.0.0.1:${demo.ports[0]}`);
  assert.equal(body.headers['x-seen'], 'yes');
});

test('the slow origin takes as long as it is asked to', async (t) => {
  const demo = await startDemoOrigins([0, 0, 0]);
  t.after(() => demo.close());
  const before = performance.now();
  const answer = await get(`http://127.0.0.1:${demo.ports[1]}/?ms=60`);
  assert.ok(performance.now() - before >= 59, 'not before 60 ms');
  assert.equal((answer.json() as { delayMs: number }).delayMs, 60);
});

test('the failing origin fails in three ways, in turn', async (t) => {
  const demo = await startDemoOrigins([0, 0, 0]);
  t.after(() => demo.close());
  const port = demo.ports[2]!;
  const ask = (ms: number) => rawRequest(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', { ms });
  for (let round = 0; round < 2; round++) {
    assert.equal((await ask(2000)).status, 503);
    const reset = await ask(2000);
    assert.deepEqual([reset.status, reset.closed], [0, true]);
    await assert.rejects(ask(60), /not within 60 ms/);
  }
});

test('a taken port is told in one sentence', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  await assert.rejects(startDemoOrigins([0, origin.port, 0]), (error: Error) => {
    assert.equal(error.name, 'OperatorError');
    assert.match(error.message, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${origin.port} \\(EADDRINUSE\\)`));
    return true;
  });
});

test('forked, it says its ports and leaves when its parent is killed', async (t) => {
  // A parent of its own, so that it can be killed: it forks the demo and passes on what it hears.
  const parent = spawn(
    process.execPath,
    [
      '-e',
      `require('node:child_process').fork(${JSON.stringify(DEMO)}, ['0', '0', '0']).on('message', (m) => console.log(JSON.stringify(m)))`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => parent.kill('SIGKILL'));
  const [line] = await within(5000, once(parent.stdout, 'data'), 'the ports of the demo');
  const message = JSON.parse(String(line)) as DemoMessage;
  assert.equal(message.type, 'demo_ready');
  const port = message.type === 'demo_ready' ? message.ports[0] : 0;
  assert.equal((await get(`http://127.0.0.1:${port}/`)).status, 200);
  parent.kill('SIGKILL');
  await until(3000, 'the demo to leave', () =>
    get(`http://127.0.0.1:${port}/`).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
    ),
  );
});

test('forked on a taken port, it says so and ends', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  const child = fork(DEMO, [String(origin.port), '0', '0'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const [message] = (await within(5000, once(child, 'message'), 'word from the demo')) as [DemoMessage];
  assert.equal(message.type, 'demo_failed');
  const [code] = await within(5000, exited, 'the end of the demo');
  assert.equal(code, 1);
});
