import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { monotonicMs } from '../../../src/shared/clock.ts';
import type { Ledger } from '../../../src/shared/memory/ledger.ts';
import { Segment } from '../../../src/shared/memory/segment.ts';
import { Gate, type Waiter } from '../../../src/worker/upstream/gate.ts';
import { pause, until } from '../../helpers/deadline.ts';

interface Host {
  segment: Segment;
  item: number;
  waitingItem: number;
  ledgers: Ledger[];
  gate(row: number, cap: number, queueMax: number): Gate;
  held(): number;
  waiting(): number;
}

/** Two or more workers of one host, all inside this process. Whoever still waits at the end gives up, or the gate would poll on. */
function host(t: TestContext, workers = 3): Host {
  const joined: { gate: Gate; guest: Guest }[] = [];
  t.after(() => {
    for (const { gate, guest } of joined) if (guest.waiting) guest.giveUp(gate);
  });
  const segment = Segment.inProcess({ rows: workers + 1, items: 16, cells: 256, buckets: 32, arenaBytes: 8192 });
  const item = segment.items.intern('upstream/a');
  const waitingItem = segment.items.intern('waiting/a');
  const eldestItem = segment.items.intern('eldest/a');
  const ledgers = Array.from({ length: workers + 1 }, (_, row) => segment.ledger(row));
  return {
    segment,
    item,
    waitingItem,
    ledgers,
    gate(row, cap, queueMax) {
      const gate = new Gate(ledgers[row]!, { item, waitingItem, eldestItem }, cap, queueMax);
      const join = gate.join.bind(gate);
      gate.join = (guest) => {
        const taken = join(guest);
        if (taken) joined.push({ gate, guest: guest as Guest });
        return taken;
      };
      return gate;
    },
    held: () => segment.ledgerSum(item),
    waiting: () => segment.ledgerSum(waitingItem),
  };
}

class Guest implements Waiter {
  waiting = true;
  admissions = 0;
  readonly #then: () => void;
  constructor(then: () => void = () => {}) {
    this.#then = then;
  }
  admitted(): void {
    assert.ok(this.waiting, 'admitted although it had given up');
    this.waiting = false;
    this.admissions += 1;
    this.#then();
  }
  giveUp(gate: Gate): void {
    this.waiting = false;
    gate.left();
  }
}

test('the cap is exact over all workers', (t) => {
  const { gate, held } = host(t);
  const one = gate(1, 3, 0);
  const two = gate(2, 3, 0);
  assert.ok(one.tryTake() && two.tryTake() && two.tryTake());
  assert.equal(one.tryTake(), false);
  assert.equal(two.tryTake(), false);
  assert.equal(held(), 3);
  two.release();
  assert.equal(one.tryTake(), true);
  assert.equal(two.tryTake(), false);
});

test('without a cap everybody passes and is counted', (t) => {
  const { gate, held } = host(t);
  const open = gate(1, 0, 0);
  for (let n = 0; n < 1000; n++) assert.ok(open.tryTake());
  assert.equal(held(), 1000);
  for (let n = 0; n < 1000; n++) open.release();
  assert.equal(held(), 0);
});

test('without a queue nobody may wait', (t) => {
  const { gate, waiting } = host(t);
  const full = gate(1, 1, 0);
  full.tryTake();
  assert.equal(full.join(new Guest()), false);
  assert.equal(waiting(), 0);
});

test('those who wait are admitted in the order in which they came, one per slot, at once', (t) => {
  const { gate, held, waiting } = host(t);
  const queue = gate(1, 1, 10);
  assert.ok(queue.tryTake());
  const order: number[] = [];
  for (let n = 0; n < 5; n++) assert.ok(queue.join(new Guest(() => order.push(n))));
  assert.equal(waiting(), 5);
  for (let n = 0; n < 5; n++) {
    assert.equal(order.length, n);
    queue.release();
    assert.equal(held(), 1);
  }
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.equal(waiting(), 0);
  queue.release();
  assert.equal(held(), 0);
});

test('a newcomer does not overtake those who wait in its worker', (t) => {
  const { gate, ledgers, item } = host(t);
  const queue = gate(1, 1, 10);
  ledgers[2]!.raise(item);
  assert.ok(queue.join(new Guest()));
  ledgers[2]!.lower(item);
  assert.equal(queue.tryTake(), false);
});

test('the queue is bounded over all workers, and a refused waiter leaves no trace', (t) => {
  const { gate, waiting } = host(t);
  const one = gate(1, 1, 3);
  const two = gate(2, 1, 3);
  one.tryTake();
  const here = new Guest();
  assert.ok(one.join(here) && two.join(new Guest()) && two.join(new Guest()));
  assert.equal(one.join(new Guest()), false);
  assert.equal(two.join(new Guest()), false);
  assert.equal(waiting(), 3);
  here.giveUp(one);
  assert.equal(two.join(new Guest()), true);
});

test('who gave up is passed over, wherever it stood', (t) => {
  const { gate, held, waiting } = host(t);
  const queue = gate(1, 1, 10);
  queue.tryTake();
  const guests = Array.from({ length: 5 }, () => new Guest());
  for (const guest of guests) queue.join(guest);
  guests[0]!.giveUp(queue);
  guests[2]!.giveUp(queue);
  guests[4]!.giveUp(queue);
  assert.equal(waiting(), 2);
  queue.release();
  queue.release();
  queue.release();
  assert.deepEqual(
    guests.map((guest) => guest.admissions),
    [0, 1, 0, 1, 0],
  );
  assert.equal(held(), 0);
  assert.equal(waiting(), 0);
  assert.ok(queue.tryTake());
});

test('when all who waited gave up, the next asker is served at once', (t) => {
  const { gate } = host(t);
  const queue = gate(1, 1, 10);
  queue.tryTake();
  const guests = [new Guest(), new Guest()];
  for (const guest of guests) queue.join(guest);
  guests[1]!.giveUp(queue);
  guests[0]!.giveUp(queue);
  queue.release();
  assert.ok(queue.tryTake());
});

test('a slot that another worker gives back reaches who waits here within a few milliseconds', async (t) => {
  const { gate, waiting } = host(t);
  const here = gate(1, 2, 10);
  const there = gate(2, 2, 10);
  there.tryTake();
  there.tryTake();
  const guest = new Guest();
  here.join(guest);
  // several looks in vain come first
  await pause(15);
  there.release();
  assert.equal(guest.admissions, 0);
  await until(500, 'the admission', () => guest.admissions === 1, 1);
  assert.equal(waiting(), 0);
});

test('slots of a killed worker reach who waits here once its row is swept', async (t) => {
  const { segment, gate } = host(t);
  const here = gate(1, 1, 10);
  gate(3, 1, 10).tryTake();
  const guest = new Guest();
  here.join(guest);
  segment.sweep(3);
  await until(500, 'the admission', () => guest.admissions === 1, 1);
});

test('a raised cap lets those in who wait, a lowered one lets what is held run out', async (t) => {
  const { gate, held } = host(t);
  const queue = gate(1, 1, 10);
  queue.tryTake();
  const guests = [new Guest(), new Guest(), new Guest()];
  for (const guest of guests) queue.join(guest);
  queue.resize(3, 10);
  await until(500, 'two admissions', () => guests[1]!.admissions === 1, 1);
  assert.equal(held(), 3);
  assert.equal(guests[2]!.admissions, 0);
  queue.resize(1, 10);
  queue.release();
  queue.release();
  assert.equal(held(), 1);
  assert.equal(guests[2]!.admissions, 0);
  queue.release();
  assert.equal(guests[2]!.admissions, 1);
});

test('who gives its slot back as soon as it gets it does not deepen the stack', (t) => {
  const { gate, held, waiting } = host(t);
  const count = 50_000;
  const queue = gate(1, 1, count);
  queue.tryTake();
  let served = 0;
  const hasty = () => {
    served += 1;
    queue.release();
  };
  for (let n = 0; n < count; n++) assert.ok(queue.join(new Guest(hasty)));
  queue.release();
  assert.equal(served, count);
  assert.equal(held(), 0);
  assert.equal(waiting(), 0);
});

test('any history over two workers keeps the cap, the bound of the queue and the order', (t) => {
  const step = fc.record({
    worker: fc.nat(1),
    kind: fc.constantFrom('arrive' as const, 'arrive' as const, 'release' as const, 'giveUp' as const),
    pick: fc.nat(30),
  });
  fc.assert(
    fc.property(
      fc.nat({ max: 4 }),
      fc.nat({ max: 4 }),
      fc.array(step, { maxLength: 80 }),
      (capLess, queueMax, steps) => {
        const cap = capLess + 1;
        const { gate, held, waiting } = host(t, 2);
        const gates = [gate(1, cap, queueMax), gate(2, cap, queueMax)];
        const queues: Guest[][] = [[], []];
        const slots = [0, 0];
        for (const { worker, kind, pick } of steps) {
          const own = gates[worker]!;
          const queue = queues[worker]!;
          if (kind === 'arrive') {
            if (own.tryTake()) slots[worker]! += 1;
            else {
              const guest: Guest = new Guest(() => {
                // first in, first out: whoever waits in front of it has given up
                for (const before of queue.slice(0, queue.indexOf(guest))) assert.ok(!before.waiting);
                slots[worker]! += 1;
              });
              if (own.join(guest)) queue.push(guest);
            }
          } else if (kind === 'release') {
            if (slots[worker]! > 0) {
              slots[worker]! -= 1;
              own.release();
            }
          } else {
            const guest = queue.filter((each) => each.waiting)[pick];
            guest?.giveUp(own);
          }
          const stillWaiting = queues.flat().filter((guest) => guest.waiting).length;
          assert.equal(held(), slots[0]! + slots[1]!);
          assert.ok(held() <= cap);
          assert.equal(waiting(), stillWaiting);
          assert.ok(stillWaiting <= queueMax);
        }
        for (const [at, queue] of queues.entries())
          for (const guest of queue) if (guest.waiting) guest.giveUp(gates[at]!);
        assert.equal(waiting(), 0);
      },
    ),
    { numRuns: 500 },
  );
});

test('a slot goes to whoever waits longest on the host, not to the worker that had it', async (t) => {
  const { gate } = host(t, 2);
  const here = gate(1, 1, 10);
  const there = gate(2, 1, 10);
  assert.equal(here.tryTake(), true);
  const elder = new Guest();
  assert.equal(there.join(elder), true);
  await pause(30);
  const younger = new Guest();
  assert.equal(here.join(younger), true);
  here.release();
  assert.equal(younger.waiting, true);
  await until(500, 'the elder to be admitted', () => !elder.waiting, 1);
  assert.equal(younger.waiting, true);
  there.release();
  await until(500, 'the younger to be admitted', () => !younger.waiting, 1);
  here.release();
});

test('nobody new overtakes those who wait in another worker', async (t) => {
  const { gate } = host(t, 2);
  const here = gate(1, 1, 10);
  const there = gate(2, 1, 10);
  assert.equal(here.tryTake(), true);
  const elder = new Guest();
  assert.equal(there.join(elder), true);
  here.release();
  assert.equal(here.tryTake(), false);
  await until(500, 'the elder to be admitted', () => !elder.waiting, 1);
  there.release();
  assert.equal(here.tryTake(), true);
  here.release();
});

test('a worker that hangs with somebody in its queue holds the others up for moments only', async (t) => {
  const { gate, ledgers, segment } = host(t, 2);
  const here = gate(1, 1, 10);
  // what a stopped worker leaves behind: it waits since long ago, and never looks
  ledgers[2]!.publish(segment.items.find('eldest/a'), (Math.trunc(monotonicMs()) - 5000) | 0);
  const guest = new Guest();
  assert.equal(here.join(guest), true);
  await until(500, 'the guest to be admitted', () => !guest.waiting, 1);
  here.release();
});
