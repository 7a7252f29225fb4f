// The control segment under real processes that all want the same cells at once.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { CELL_FIRST, HEADER } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import type { Child } from './memory-children.ts';
import { GATE_ITEM, INSIDE_ITEM, SHAPE, scratch, start } from './memory-children.ts';

const ROWS = [1, 2, 3, 4];

/** Four processes on one segment, let go at the same moment. */
async function four(t: TestContext, name: string, args: Record<string, unknown>): Promise<[Segment, Child[]]> {
  const path = scratch(t);
  const segment = Segment.create(path, SHAPE);
  t.after(() => segment.close());
  const children = ROWS.map((row) => start(t, name, { ...args, path, row, seed: row * 7919 }));
  for (const child of children) assert.equal(await child.said(), 'ready');
  Atomics.store(segment.i32, segment.itemLine(GATE_ITEM), 1);
  return [segment, children];
}

test('four processes add to one word and to their own cells, and nothing is lost', async (t) => {
  const times = 500_000;
  const [segment, children] = await four(t, 'memory-adder', { times });
  for (const child of children) assert.equal(await child.said(), 'done');
  assert.equal(Atomics.load(segment.i32, segment.itemLine(INSIDE_ITEM)), 4 * times);
  const reading = segment.readSeries().find(({ name }) => name === 'worker_deaths_total');
  assert.deepEqual(reading?.values, [4 * times]);
});

test('four processes fight for ten slots: an onlooker never sees an eleventh held', async (t) => {
  const cap = 10;
  const item = 5;
  const [segment, children] = await four(t, 'memory-raiser', { times: 1_000_000, item, cap });
  const inside = segment.itemLine(INSIDE_ITEM);
  let over = false;
  let most = 0;
  const results = Promise.all(
    children.map((child) => child.said<{ most: number; granted: number; refused: number }>()),
  );
  const done = results.finally(() => {
    over = true;
  });
  while (!over) {
    for (let i = 0; i < 2000; i += 1) most = Math.max(most, Atomics.load(segment.i32, inside));
    await turn();
  }
  for (const result of await done) {
    assert.ok(result.most <= cap, `a process saw ${result.most} held`);
    assert.ok(result.granted > 0 && result.refused > 0, 'each was granted some and refused some');
    most = Math.max(most, result.most);
  }
  assert.equal(most, cap, 'the cap was reached, so it could have been exceeded');
  assert.equal(segment.ledgerSum(item), 0);
  assert.equal(Atomics.load(segment.i32, inside), 0);
});

test('four processes add the same series at once and get one identity each', async (t) => {
  const series = 250;
  const [segment, children] = await four(t, 'memory-inserter', { series });
  for (const child of children) assert.equal(await child.said(), 'done');
  const totals = segment.readSeries().filter(({ name }) => name === 'http_requests_total');
  const durations = segment.readSeries().filter(({ name }) => name === 'http_request_duration_seconds');
  for (const readings of [totals, durations]) {
    assert.equal(readings.length, series);
    assert.equal(new Set(readings.map(({ labels }) => labels[0])).size, series);
    assert.ok(readings.every(({ values }) => values[0] === 4));
  }
  const wanted = CELL_FIRST + segment.readSeries().reduce((sum, { values }) => sum + values.length, 0);
  const used = segment.i32[HEADER.cellNext]!;
  assert.ok(used >= wanted && used < wanted * 1.2, `${used} cells for ${wanted}: losers give theirs back`);
});
