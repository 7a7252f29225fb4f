// The control segment under real processes that are killed in the middle of what they do.
// WEIR_TEST_SEED and WEIR_TEST_DEATHS replay or lengthen the first story.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Segment } from '../../src/shared/memory/segment.ts';
import { processStartTicks } from '../../src/shared/memory/slots.ts';
import { until } from '../helpers/deadline.ts';
import type { Child } from './memory-children.ts';
import { GATE_ITEM, PROGRESS_ITEM, randomFrom, SHAPE, scratch, start } from './memory-children.ts';

const ROWS = [1, 2, 3, 4];

test('whoever is killed at whatever moment, the living keep what they hold and every count stays', async (t) => {
  const seed = Number(process.env['WEIR_TEST_SEED'] ?? Date.now() % 1_000_000);
  const deaths = Number(process.env['WEIR_TEST_DEATHS'] ?? 12);
  t.diagnostic(`WEIR_TEST_SEED=${seed}`);
  const random = randomFrom(seed);
  const cap = 10;
  const path = scratch(t);
  const segment = Segment.create(path, SHAPE);
  t.after(() => segment.close());
  const items = ['upstream/a', 'upstream/b', 'upstream/c'].map((name) => segment.items.intern(name));
  const gate = segment.itemLine(GATE_ITEM);
  const progress = (row: number) => Atomics.load(segment.i32, segment.itemLine(PROGRESS_ITEM + row));
  const live = async (row: number): Promise<Child> => {
    const child = start(t, 'memory-mortal', { path, row, items, cap, seed: random(1_000_000) });
    assert.equal(await child.said(), 'ready');
    return child;
  };
  Atomics.store(segment.i32, gate, 1);
  const children = new Map<number, Child>();
  for (const row of ROWS) children.set(row, await live(row));

  for (let death = 1; death <= deaths; death += 2) {
    // two of the four die, each at a moment of its own
    const doomed = new Set([ROWS[random(4)]!, ROWS[random(4)]!]);
    for (const row of doomed) {
      const moment = progress(row) + 1 + random(3000);
      await until(20_000, `row ${row} to come to ${moment}`, () => progress(row) >= moment, 1);
      await children.get(row)!.kill();
    }
    // the others stop and say what they hold
    Atomics.store(segment.i32, gate, 0);
    const holding = new Map<number, number[]>();
    for (const row of ROWS) if (!doomed.has(row)) holding.set(row, await children.get(row)!.said<number[]>());
    for (const row of doomed) {
      assert.equal(segment.slots.alive(row), false);
      segment.sweep(row);
    }
    items.forEach((item, index) => {
      const held = [...holding.values()].reduce((sum, own) => sum + own[index]!, 0);
      assert.equal(segment.ledgerSum(item), held);
      assert.ok(held <= cap);
      // the whole rest of the cap is there for others
      const ledger = segment.ledger(0);
      for (let free = held; free < cap; free += 1) assert.equal(ledger.tryRaise(item, cap), true);
      assert.equal(ledger.tryRaise(item, cap), false);
      while (ledger.own(item) > 0) ledger.lower(item);
    });

    // every count that a process noted is there, and at most the one that each death cut off is not noted
    const readings = segment.readSeries().filter(({ name }) => name === 'http_request_failures_total');
    const counted = readings.reduce((sum, { values }) => sum + values[0]!, 0);
    const noted = ROWS.reduce((sum, row) => sum + progress(row), 0);
    assert.ok(counted >= noted && counted <= noted + death + 1, `${counted} counted, ${noted} noted`);
    assert.equal(new Set(readings.map(({ labels }) => labels.join('|'))).size, readings.length);
    for (const { labels } of readings)
      assert.match(labels.join('|'), /^(seed-\d+-\d+|route-\d+|probe-\d+)\|rate_limited$/);

    // and there is room for new series
    const probe = segment.series(0).counter('http_request_failures_total', [`probe-${death}`, 'rate_limited']);
    assert.equal(segment.f64[probe], 0);
    const again = segment.readSeries();
    assert.ok(again.some(({ labels }) => labels[0] === `probe-${death}`));
    assert.deepEqual(again.find(({ name }) => name === 'series_overflow_total')?.values, [0]);

    Atomics.store(segment.i32, gate, 1);
    for (const row of doomed) children.set(row, await live(row));
  }
});

test('a killed primary leaves a segment that the next one adopts, with the worker that goes on serving', async (t) => {
  const path = scratch(t);
  const creator = start(t, 'memory-creator', { path });
  const { item, orphan } = await creator.said<{ item: number; orphan: number }>();
  t.after(() => {
    if (processStartTicks(orphan) > 0) process.kill(orphan, 'SIGKILL');
  });
  assert.equal(Segment.lock(path), null, 'while it lives, nobody else may be the primary');
  await creator.kill();
  const lock = Segment.lock(path);
  assert.ok(lock, 'the lock went with it, although its worker lives');
  t.after(() => lock.release());

  const segment = Segment.attach(path);
  t.after(() => segment.close());
  assert.deepEqual(segment.shape, SHAPE);
  assert.equal(segment.epoch(), 4);
  assert.equal(segment.items.find('upstream/users'), item);
  assert.equal(segment.ledgerSum(item), 2);
  assert.equal(segment.slots.alive(0), false);
  segment.sweep(0);
  assert.equal(segment.slots.alive(1), true);
  assert.equal(segment.slots.pid(1), orphan);
  assert.equal(segment.ledgerSum(item), 1, 'what the living worker holds is held');

  segment.slots.claim(0, process.pid, processStartTicks(process.pid), 'primary');
  segment.f64[segment.series(0).counter('config_reload_total', ['success'])]! += 1;
  const count = (name: string) => segment.readSeries().find((reading) => reading.name === name)?.values[0];
  assert.equal(count('config_reload_total'), 5, 'counters go on where they were');
  const before = count('worker_deaths_total')!;
  await until(5000, 'the orphan to count on', () => count('worker_deaths_total')! > before);
  assert.ok(segment.items.intern('upstream/more') > item);
});

test('a clean end leaves neither the segment nor its lock behind', (t) => {
  const path = scratch(t);
  const lock = Segment.lock(path);
  const segment = Segment.create(path, SHAPE);
  segment.unlink();
  lock!.release();
  segment.close();
  assert.throws(() => Segment.attach(path), { name: 'OperatorError', message: /no Weir runs/ });
});
