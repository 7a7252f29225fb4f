import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { BodyReader, Front } from '../../../src/worker/proxy/front.ts';
import {
  BODY_TOO_LARGE,
  GatheredBody,
  REPLAYABLE_BYTES,
  StreamedBody,
} from '../../../src/worker/proxy/request-body.ts';

interface FrontDouble {
  front: Front;
  calls: string[];
  reader(): BodyReader;
}

function frontDouble(): FrontDouble {
  const calls: string[] = [];
  let reader: BodyReader | null = null;
  const front = {
    readBody(taken: BodyReader) {
      calls.push('read');
      reader = taken;
    },
    pauseBody: () => calls.push('pause'),
    resumeBody: () => calls.push('resume'),
  } as unknown as Front;
  return { front, calls, reader: () => reader! };
}

test('a gathered body is whole, in order, and given once', () => {
  for (const parts of [[], ['abc'], ['a', 'b', 'c'], ['', 'abc', '']]) {
    const got: string[] = [];
    const body = new GatheredBody((whole) => got.push(whole.toString()));
    for (const part of parts) body.bodyData(Buffer.from(part));
    body.bodyEnd();
    assert.deepEqual(got, [parts.join('')]);
  }
});

test('a gathered body that is cut is never given', () => {
  const body = new GatheredBody(() => assert.fail('given'));
  body.bodyData(Buffer.from('abc'));
  body.bodyCut();
});

test('a streamed body leaves the request alone until it is read', () => {
  const { front, calls } = frontDouble();
  const body = new StreamedBody(front, 100);
  assert.equal(body.touched, false);
  body.destroy();
  assert.deepEqual(calls, []);
});

test('a streamed body passes on what comes, and ends', async () => {
  const { front, calls, reader } = frontDouble();
  const body = new StreamedBody(front, 100);
  const chunks: string[] = [];
  body.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  await new Promise(setImmediate);
  assert.equal(body.touched, true);
  reader().bodyData(Buffer.from('one'));
  reader().bodyData(Buffer.from('two'));
  reader().bodyEnd();
  await once(body, 'end');
  assert.equal(chunks.join(''), 'onetwo');
  assert.equal(calls[0], 'read');
  assert.equal(calls.filter((call) => call === 'read').length, 1);
});

test('a streamed body that nobody takes pauses the client, and resumes it when it is taken', () => {
  const { front, calls, reader } = frontDouble();
  const body = new StreamedBody(front, 10 * REPLAYABLE_BYTES);
  body.read(0);
  reader().bodyData(Buffer.alloc(REPLAYABLE_BYTES - 1));
  assert.deepEqual(calls, ['read']);
  reader().bodyData(Buffer.alloc(2));
  assert.deepEqual(calls, ['read', 'pause']);
  while (body.read() !== null);
  assert.equal(calls.at(-1), 'resume');
});

test('a streamed body ends with its own error above the limit, and takes nothing more', async () => {
  const { front, reader } = frontDouble();
  const body = new StreamedBody(front, 5);
  const failed = once(body, 'error');
  body.read(0);
  reader().bodyData(Buffer.from('12345'));
  assert.equal(body.destroyed, false);
  reader().bodyData(Buffer.from('6'));
  const [error] = (await failed) as [NodeJS.ErrnoException];
  assert.equal(error.code, BODY_TOO_LARGE);
  reader().bodyData(Buffer.from('7'));
  reader().bodyEnd();
});

test('a client that leaves within a streamed body ends it with an error', async () => {
  const { front, reader } = frontDouble();
  const body = new StreamedBody(front, 100);
  const failed = once(body, 'error');
  body.read(0);
  reader().bodyData(Buffer.from('abc'));
  reader().bodyCut();
  const [error] = (await failed) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
});
