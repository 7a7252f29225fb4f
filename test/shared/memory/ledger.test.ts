import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ITEM_REQUESTS, shapeFor } from '../../../src/shared/memory/layout.ts';
import { Segment } from '../../../src/shared/memory/segment.ts';

const SHAPE = { ...shapeFor(2, 1, 1), items: 32, cells: 128, buckets: 16, arenaBytes: 4096 };

test('a cap is exact over the rows and a refusal holds nothing', () => {
  const segment = Segment.inProcess(SHAPE);
  const [a, b] = [segment.ledger(1), segment.ledger(2)];
  for (let i = 0; i < 6; i += 1) assert.equal(a.tryRaise(5, 10), true);
  for (let i = 0; i < 4; i += 1) assert.equal(b.tryRaise(5, 10), true);
  assert.equal(a.tryRaise(5, 10), false);
  assert.equal(b.tryRaise(5, 10), false);
  assert.equal(segment.ledgerSum(5), 10);
  assert.equal(segment.ledgerOf(5, 1), 6);
  assert.equal(b.own(5), 4);
  a.lower(5);
  assert.equal(b.tryRaise(5, 10), true);
  assert.equal(b.sum(5), 10);
  assert.equal(segment.ledgerSum(6), 0, 'the neighbouring item saw nothing of it');
});

test('cap 0 means no cap and is counted all the same', () => {
  const segment = Segment.inProcess(SHAPE);
  const ledger = segment.ledger(1);
  for (let i = 0; i < 1000; i += 1) assert.equal(ledger.tryRaise(ITEM_REQUESTS, 0), true);
  assert.equal(segment.ledgerSum(ITEM_REQUESTS), 1000);
});

test('slots held above a lowered cap run out by themselves', () => {
  const segment = Segment.inProcess(SHAPE);
  const ledger = segment.ledger(1);
  for (let i = 0; i < 10; i += 1) assert.equal(ledger.tryRaise(3, 10), true);
  for (let i = 0; i < 7; i += 1) {
    assert.equal(ledger.tryRaise(3, 4), false);
    ledger.lower(3);
  }
  assert.equal(ledger.tryRaise(3, 4), true);
  assert.equal(ledger.own(3), 4);
});

test('a row that joins later is counted from its first raise, also by those who were there before', () => {
  const segment = Segment.inProcess(SHAPE);
  const early = segment.ledger(1);
  for (let i = 0; i < 4; i += 1) assert.equal(early.tryRaise(5, 5), true);
  const late = segment.ledger(6);
  assert.equal(late.tryRaise(5, 5), true);
  assert.equal(early.sum(5), 5);
  assert.equal(early.tryRaise(5, 5), false);
});

test('giving back twice is noticed', () => {
  const ledger = Segment.inProcess(SHAPE).ledger(1);
  ledger.raise(3);
  ledger.lower(3);
  assert.throws(() => ledger.lower(3), { name: 'InvariantError', message: /row 1 lowered ledger item 3 below zero/ });
  assert.equal(ledger.own(3), 0);
});

test('a row that the segment does not have is refused', () => {
  const segment = Segment.inProcess(SHAPE);
  assert.throws(() => segment.ledger(SHAPE.rows), { name: 'InvariantError', message: /row 7 is outside the 7 rows/ });
  assert.throws(() => segment.sweep(-1), { name: 'InvariantError' });
});

test('any history of raises, refusals, returns and deaths agrees with a plain model', () => {
  const row = fc.integer({ min: 0, max: SHAPE.rows - 1 });
  const item = fc.integer({ min: 0, max: 3 });
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('tryRaise' as const), row, item, cap: fc.integer({ min: 0, max: 8 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('raise' as const), row, item }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('lower' as const), row, item }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const), row }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const segment = Segment.inProcess(SHAPE);
      for (const name of ['a', 'b']) segment.items.intern(name); // items 2 and 3: the sweep goes as far as items exist
      const ledgers = Array.from({ length: SHAPE.rows }, (_, index) => segment.ledger(index));
      const model = Array.from({ length: SHAPE.rows }, () => [0, 0, 0, 0]);
      const held = (of: number) => model.reduce((sum, cells) => sum + cells[of]!, 0);
      for (const step of steps) {
        const cells = model[step.row]!;
        if (step.kind === 'sweep') {
          segment.sweep(step.row);
          cells.fill(0);
          continue;
        }
        const ledger = ledgers[step.row]!;
        if (step.kind === 'tryRaise') {
          const granted = step.cap === 0 || held(step.item) < step.cap;
          assert.equal(ledger.tryRaise(step.item, step.cap), granted);
          if (granted) cells[step.item]! += 1;
        } else if (step.kind === 'raise') {
          ledger.raise(step.item);
          cells[step.item]! += 1;
        } else if (cells[step.item]! > 0) {
          ledger.lower(step.item);
          cells[step.item]! -= 1;
        }
        assert.equal(ledger.own(step.item), cells[step.item]);
        assert.equal(ledger.sum(step.item), held(step.item));
        assert.equal(segment.ledgerSum(step.item), held(step.item));
      }
    }),
    { numRuns: 200 },
  );
});
