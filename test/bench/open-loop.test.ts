// The open-loop generator: its schedule, its histogram, its reader of answers, and what it makes of an origin that stalls.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { AnswerReader } from '../../bench/load/answer-reader.ts';
import { Histogram } from '../../bench/load/histogram.ts';
import { OpenLoop } from '../../bench/load/open-loop.ts';
import { Schedule } from '../../bench/load/schedule.ts';
import { within } from '../helpers/deadline.ts';

test('percentiles are those of the sorted values, and less than one part in 128 above', () => {
  const values = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.constantFrom(0, 1, 50, 90, 99, 99.9, 100), (all, percent) => {
      const histogram = new Histogram();
      for (const value of all) histogram.record(value);
      const sorted = all.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil((percent / 100) * all.length - 1e-6)) - 1]!;
      const told = histogram.percentile(percent);
      assert.ok(told >= exact && told <= exact * (1 + 1 / 128), `${told} for ${exact}`);
      assert.equal(histogram.percentile(100), sorted.at(-1));
      assert.equal(histogram.max, sorted.at(-1));
    }),
  );
});

test('the edges of a histogram: nothing, one value, below and beyond', () => {
  const histogram = new Histogram();
  assert.ok(Number.isNaN(histogram.percentile(50)));
  histogram.record(-3);
  assert.equal(histogram.percentile(99.9), 0);
  histogram.record(1e12);
  assert.equal(histogram.percentile(100), 2 ** 31 - 1);
  const thousand = new Histogram();
  for (let i = 1; i <= 1000; i++) thousand.record(i <= 999 ? 100 : 200);
  assert.deepEqual([thousand.percentile(99.9), thousand.percentile(99.91)], [100, 200]);
});

test('requests are due at even distances, whenever one looks', () => {
  const schedule = new Schedule(1000, 1, 2);
  assert.deepEqual([schedule.warmUp, schedule.total, schedule.tickMs], [1000, 3000, 1]);
  assert.deepEqual(
    [-1, 0, 0.9, 1, 10.5].map((ms) => schedule.dueBy(ms)),
    [0, 1, 1, 2, 11],
  );
  // after a standstill all that was missed is due at once, each with its own time
  assert.equal(schedule.dueBy(500), 501);
  assert.equal(schedule.dueMs(500), 500);
  assert.equal(schedule.dueBy(1e9), schedule.total);
  // a tick per request would only cost: those of 0.1 ms go out together
  assert.equal(new Schedule(50_000, 0, 1).tickMs, 0.1);
});

const ONE = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
const TWO = 'HTTP/1.1 503 Busy\r\nX: y\r\nContent-Length:0\r\nConnection: close\r\n\r\n';

test('answers are read in whatever pieces they come', () => {
  const bytes = Buffer.from(ONE + ONE + TWO);
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new AnswerReader();
    let whole = 0;
    for (let at = 0; at < bytes.length; at += size) {
      const before = whole;
      whole += reader.push(bytes.subarray(at, at + size));
      if (whole > before && whole < 3) assert.deepEqual([reader.status, reader.closing], [200, false]);
    }
    assert.deepEqual([whole, reader.status, reader.closing], [3, 503, true], `pieces of ${size}`);
  }
});

test('an answer that cannot be read is a sentence', () => {
  const read = (text: string) => () => new AnswerReader().push(Buffer.from(text));
  assert.throws(
    read('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
    /an answer of 200 without Content-Length/,
  );
  assert.throws(read('SSH-2.0-OpenSSH\r\n\r\n'), /not an answer/);
  assert.throws(read('x'.repeat(70_000)), /no end of a head/);
});

test('a standstill of the origin is charged to every request that was due in it', async (t) => {
  const STALL_MS = 400;
  let asked = 0;
  let stalledUntil = 0;
  const server = createServer((_request, answer) => {
    asked += 1;
    if (asked === 100) stalledUntil = performance.now() + STALL_MS;
    const wait = Math.max(0, stalledUntil - performance.now());
    setTimeout(() => answer.writeHead(200, { 'Content-Length': '2' }).end('ok'), wait);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const load = { port, rate: 500, connections: 4, seconds: 1.2, warmUpSeconds: 0, path: '/', method: 'GET' };
  const result = await within(20_000, new OpenLoop({ ...load, bodyBytes: 0, headers: [] }).run(), 'the load');
  assert.equal(result.requests, 600);
  assert.equal(result.failed, 0, result.failure);
  assert.equal(asked, 600);
  // 4 connections were held; the some 200 requests that were due meanwhile found none and waited 0 to 400 ms
  assert.ok(result.waited > 100, `${result.waited} waited`);
  assert.ok(result.maxUs >= STALL_MS * 900, `${result.maxUs} µs at most`);
  assert.ok(
    result.p99Us >= STALL_MS * 800,
    `${result.p99Us} µs at p99; a closed loop would have seen 4 slow ones of 600`,
  );
});

test('what fails is counted: refusals, and connections that end under a request', async (t) => {
  let asked = 0;
  const server = createServer((_request, answer) => {
    asked += 1;
    if (asked % 10 === 0) answer.destroy();
    else answer.writeHead(asked % 10 === 1 ? 503 : 200, { 'Content-Length': '0' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const load = { port, rate: 200, connections: 2, seconds: 0.5, warmUpSeconds: 0, path: '/', method: 'POST' };
  const result = await within(20_000, new OpenLoop({ ...load, bodyBytes: 10, headers: [] }).run(), 'the load');
  assert.deepEqual([result.requests, result.failed, asked], [100, 20, 100]);
  assert.notEqual(result.failure, '');
});
