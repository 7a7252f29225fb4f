// Death at every step: an operation is cut off before its n-th access by Atomics, for every n until it completes, and
// what the dead left is checked through the eyes of another process. test/cluster does the same with real kills.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ItemDirectory } from '../../../src/shared/memory/items.ts';
import { HEADER, layoutOf, shapeFor } from '../../../src/shared/memory/layout.ts';
import { Segment } from '../../../src/shared/memory/segment.ts';

const SHAPE = { ...shapeFor(2, 1, 1), items: 32, cells: 512, buckets: 1, arenaBytes: 16_384 };
const ACCESSES = ['load', 'store', 'add', 'sub', 'compareExchange'] as const;

class Killed extends Error {}

/** Runs `operation` and kills it before its `nth` atomic access. @returns whether it completed */
function killedBefore(nth: number, operation: () => void): boolean {
  const real = Object.fromEntries(ACCESSES.map((name) => [name, Atomics[name]]));
  let count = 0;
  for (const name of ACCESSES) {
    Atomics[name] = ((...args: [Int32Array, number, number, number]) => {
      if ((count += 1) === nth) throw new Killed();
      return (real[name] as (...args: unknown[]) => number)(...args);
    }) as never;
  }
  try {
    operation();
    return true;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return false;
  } finally {
    Object.assign(Atomics, real);
  }
}

/** Tries every moment of death. @param story gives, for a new segment, the operation and the check of what it left */
function atEveryStep(
  story: (segment: Segment) => { operation: () => void; check: (completed: boolean) => void },
): number {
  for (let nth = 1; ; nth += 1) {
    const { operation, check } = story(Segment.inProcess(SHAPE));
    const completed = killedBefore(nth, operation);
    check(completed);
    if (completed) return nth - 1;
    assert.ok(nth < 10_000);
  }
}

test('killed while taking or giving back a slot: the sweep restores all but what the living hold', () => {
  const steps = atEveryStep((segment) => {
    const living = segment.ledger(2);
    living.raise(0);
    return {
      operation: () => {
        const ledger = segment.ledger(1);
        assert.equal(ledger.tryRaise(0, 3), true);
        assert.equal(ledger.tryRaise(0, 3), true);
        assert.equal(ledger.tryRaise(0, 3), false);
        ledger.lower(0);
        ledger.raise(0);
      },
      check: () => {
        assert.ok(segment.ledgerOf(0, 1) >= 0 && segment.ledgerOf(0, 1) <= 3);
        segment.sweep(1);
        assert.equal(segment.ledgerSum(0), 1);
        assert.equal(living.tryRaise(0, 3), true);
        assert.equal(living.tryRaise(0, 3), true);
        assert.equal(living.tryRaise(0, 3), false);
      },
    };
  });
  assert.ok(steps > 15);
});

test('killed while adding a series: it is there whole or not at all, and others can add it', () => {
  const labels = ['users', 'GET', '200'];
  const steps = atEveryStep((segment) => {
    const writer = segment.series(1);
    const reader = segment.series(2);
    segment.f64[reader.counter('http_requests_total', ['before', 'GET', '200'])]! += 1;
    return {
      operation: () => {
        segment.f64[writer.counter('http_requests_total', labels)]! += 5;
      },
      check: (completed) => {
        segment.f64[reader.counter('http_requests_total', labels)]! += 2;
        segment.f64[reader.counter('http_requests_total', ['after', 'GET', '200'])]! += 1;
        const found = segment.readSeries().filter(({ name }) => name === 'http_requests_total');
        assert.deepEqual(found.map(({ labels, values }) => [labels[0], values[0]]).sort(), [
          ['after', 1],
          ['before', 1],
          ['users', completed ? 7 : 2],
        ]);
      },
    };
  });
  assert.ok(steps >= 5);
});

test('overtaken and killed while adding a series: still one identity', () => {
  const labels = ['users', 'GET', '200'];
  for (const rival of [labels, ['other', 'GET', '200']]) {
    atEveryStep((segment) => {
      const [one, two] = [segment.series(1), segment.series(2)];
      let overtaken = false;
      return {
        // the rival adds a record to the same chain just before the swap, which then fails
        operation: () => {
          const swap = Atomics.compareExchange;
          Atomics.compareExchange = ((view: Int32Array, index: number, expected: number, value: number) => {
            if (!overtaken && index !== HEADER.arenaNext && index !== HEADER.cellNext) {
              overtaken = true;
              segment.f64[two.counter('http_requests_total', rival)]! += 1;
            }
            return swap(view, index, expected, value);
          }) as never;
          segment.f64[one.counter('http_requests_total', labels)]! += 1;
        },
        check: (completed) => {
          const found = segment
            .readSeries()
            .filter(({ name, labels }) => name === 'http_requests_total' && labels[0] === 'users');
          assert.ok(found.length <= 1, 'one series, one identity');
          if (completed) assert.deepEqual(found[0]!.values, [rival === labels ? 2 : 1]);
          segment.f64[segment.series(3).counter('http_requests_total', labels)]! += 1;
          segment.f64[segment.series(4).counter('http_requests_total', labels)]! += 1;
          const again = segment
            .readSeries()
            .filter(({ name, labels }) => name === 'http_requests_total' && labels[0] === 'users');
          assert.equal(again.length, 1);
        },
      };
    });
  }
});

test('killed while names come and go: the next primary finds each name whole or not at all, and no item is lost', () => {
  const steps = atEveryStep((segment) => {
    const kept = segment.items.intern('upstream/kept');
    const retired = segment.items.intern('upstream/retired');
    return {
      operation: () => {
        segment.items.intern('upstream/new');
        segment.items.retire(retired);
        segment.items.intern('upstream/second');
      },
      check: () => {
        const next = new ItemDirectory(segment.i32, layoutOf(SHAPE), SHAPE.items, SHAPE.rows);
        const names = next.entries().map(([name]) => name);
        for (const name of names)
          assert.match(name, /^(host\/(requests|connections)|upstream\/(kept|retired|new|second))$/);
        assert.equal(next.find('upstream/kept'), kept);
        for (let i = names.length; i < SHAPE.items; i += 1) next.intern(`upstream/more-${i}`);
        assert.equal(new Set(next.entries().map(([, item]) => item)).size, SHAPE.items, 'every item can still be used');
      },
    };
  });
  assert.ok(steps > 10);
});

test('killed while sweeping: the row is swept again by the next primary', () => {
  const steps = atEveryStep((segment) => {
    const items = Array.from({ length: 8 }, (_, index) => segment.items.intern(`upstream/${index}`));
    for (const item of items) segment.ledger(1).raise(item);
    for (const item of items) segment.ledger(2).raise(item);
    segment.slots.claim(1, 2 ** 22 + 1, 1, 'worker');
    segment.slots.setState(1, 'ready');
    return {
      operation: () => segment.sweep(1),
      check: (completed) => {
        assert.equal(segment.slots.state(1) === 'free', completed, 'the row is not free before all of it is zero');
        assert.equal(segment.slots.alive(1), false);
        segment.sweep(1);
        for (const item of items) assert.equal(segment.ledgerSum(item), 1);
      },
    };
  });
  assert.ok(steps > 16);
});

test('killed while claiming a row: it is still free', () => {
  atEveryStep((segment) => ({
    operation: () => segment.slots.claim(1, process.pid, 1, 'worker'),
    check: (completed) => assert.equal(segment.slots.state(1), completed ? 'starting' : 'free'),
  }));
});
