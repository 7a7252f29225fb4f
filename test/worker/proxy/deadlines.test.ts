// The wheel under a clock that the test holds: time passes only when the test says so, so lateness is exact.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { monotonicMs } from '../../../src/shared/clock.ts';
import { Deadline, Deadlines } from '../../../src/worker/proxy/deadlines.ts';

/** A deadline fires at most one tick of the wheel after its time. */
const TICK_MS = 10;

class Probe extends Deadline {
  firedMs: number[] = [];
  readonly #then: () => void;
  constructor(then: () => void = () => {}) {
    super();
    this.#then = then;
  }
  expired(): void {
    this.firedMs.push(monotonicMs());
    this.#then();
  }
}

interface HeldClock {
  /** Time passes as it does under a light load: timers fire to the millisecond. */
  pass(ms: number): void;
  /** The loop is blocked for so long; then every timer that was due fires. */
  stall(ms: number): void;
}

function holdClock(t: TestContext): HeldClock {
  let now = performance.now();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'now', () => now);
  return {
    pass(ms) {
      for (let left = ms; left > 0; left -= 1) {
        const step = Math.min(1, left);
        now += step;
        t.mock.timers.tick(1);
      }
    },
    stall(ms) {
      now += ms;
      t.mock.timers.tick(Math.ceil(ms));
    },
  };
}

test('a deadline fires once, never before its time and at most one tick after it', (t) => {
  const clock = holdClock(t);
  const wheel = new Deadlines();
  for (let afterMs = 0; afterMs < 60; afterMs += 0.7) {
    const probe = new Probe();
    wheel.start(probe, monotonicMs(), afterMs);
    const dueMs = probe.dueMs;
    clock.pass(afterMs + 3 * TICK_MS);
    assert.equal(probe.firedMs.length, 1, `${afterMs} ms`);
    const lateMs = probe.firedMs[0]! - dueMs;
    assert.ok(lateMs >= 0 && lateMs <= TICK_MS + 1, `${afterMs} ms: ${lateMs} ms late`);
  }
});

test('a deadline beyond a whole turn of the wheel waits for its own turn', (t) => {
  const clock = holdClock(t);
  const wheel = new Deadlines();
  const near = new Probe();
  const far = new Probe();
  wheel.start(near, monotonicMs(), 100);
  wheel.start(far, monotonicMs(), 100 + 3 * 5120);
  clock.pass(15_000);
  assert.equal(near.firedMs.length, 1);
  assert.equal(far.firedMs.length, 0);
  clock.pass(500);
  assert.equal(far.firedMs.length, 1);
});

test('a stopped deadline does not fire, and stopping twice is harmless', (t) => {
  const clock = holdClock(t);
  const wheel = new Deadlines();
  const probes = [new Probe(), new Probe(), new Probe()];
  const nowMs = monotonicMs();
  // the same slot: first, middle and last of its list
  for (const probe of probes) wheel.start(probe, nowMs, 50);
  const never = new Probe();
  wheel.stop(never);
  wheel.stop(probes[1]!);
  wheel.stop(probes[1]!);
  clock.pass(100);
  assert.deepEqual(
    probes.map((probe) => probe.firedMs.length),
    [1, 0, 1],
  );
});

test('what stops a deadline within the very tick in which it is due still stops it', (t) => {
  const clock = holdClock(t);
  const wheel = new Deadlines();
  const nowMs = monotonicMs();
  const fired: string[] = [];
  const a: Probe = new Probe(() => {
    fired.push('a');
    wheel.stop(b);
  });
  const b: Probe = new Probe(() => {
    fired.push('b');
    wheel.stop(a);
  });
  wheel.start(a, nowMs, 20);
  wheel.start(b, nowMs, 20);
  clock.pass(100);
  assert.equal(fired.length, 1);
});

test('a deadline that is put off within the very tick in which it is due fires at its new time only', (t) => {
  const clock = holdClock(t);
  const wheel = new Deadlines();
  const nowMs = monotonicMs();
  const later: Probe = new Probe();
  const putOff = () => {
    if (later.firedMs.length > 0) return;
    wheel.stop(later);
    wheel.start(later, monotonicMs(), 200);
  };
  // one on each side of it in the slot's list
  wheel.start(new Probe(putOff), nowMs, 20);
  wheel.start(later, nowMs, 20);
  wheel.start(new Probe(putOff), nowMs, 20);
  clock.pass(150);
  assert.equal(later.firedMs.length, 0);
  clock.pass(200);
  assert.equal(later.firedMs.length, 1);
  assert.ok(later.firedMs[0]! >= later.dueMs);
});

test('after a stall, even of several turns, all that is due fires and the rest does not', (t) => {
  const clock = holdClock(t);
  for (const stallMs of [30, 700, 5120, 12_345]) {
    const wheel = new Deadlines();
    const nowMs = monotonicMs();
    const due = [1, stallMs / 2, stallMs - 1].map((afterMs) => {
      const probe = new Probe();
      wheel.start(probe, nowMs, afterMs);
      return probe;
    });
    const rest = [stallMs + 50, stallMs + 6000].map((afterMs) => {
      const probe = new Probe();
      wheel.start(probe, nowMs, afterMs);
      return probe;
    });
    clock.stall(stallMs);
    clock.pass(2 * TICK_MS);
    assert.deepEqual(
      [...due, ...rest].map((probe) => probe.firedMs.length),
      [1, 1, 1, 0, 0],
      `${stallMs} ms`,
    );
    clock.pass(6100);
    for (const probe of rest) assert.equal(probe.firedMs.length, 1, `${stallMs} ms`);
  }
});

test('a deadline counted from a moment in the past fires with the next tick', (t) => {
  const clock = holdClock(t);
  const wheel = new Deadlines();
  for (const agoMs of [5, 100, 5000, 20_000]) {
    const probe = new Probe();
    wheel.start(probe, monotonicMs() - agoMs, 1);
    clock.pass(2 * TICK_MS + 1);
    assert.equal(probe.firedMs.length, 1, `${agoMs} ms ago`);
  }
});

test('a wheel without deadlines has no timer', (t) => {
  holdClock(t);
  const set = t.mock.method(globalThis, 'setTimeout');
  const wheel = new Deadlines();
  const probe = new Probe();
  wheel.start(probe, monotonicMs(), 30);
  wheel.stop(probe);
  t.mock.timers.tick(1000);
  assert.ok(set.mock.callCount() <= 2, `${set.mock.callCount()} timers for nothing`);
});

test('any history of starts, stops and time ends as with a plain list', (t) => {
  const clock = holdClock(t);
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('start' as const),
        ms: fc.double({ min: 0, max: 11_000, noNaN: true }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('stop' as const), ms: fc.nat(50) }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.double({ min: 0, max: 120, noNaN: true }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const), ms: fc.nat(7000) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const wheel = new Deadlines();
      const started: { probe: Probe; dueMs: number; stopped: boolean }[] = [];
      for (const { kind, ms } of steps) {
        if (kind === 'start') {
          const probe = new Probe();
          wheel.start(probe, monotonicMs(), ms);
          started.push({ probe, dueMs: monotonicMs() + ms, stopped: false });
        } else if (kind === 'stop') {
          const entry = started[ms];
          if (entry === undefined || entry.probe.firedMs.length > 0) continue;
          entry.stopped = true;
          wheel.stop(entry.probe);
        } else if (kind === 'pass') clock.pass(ms);
        else clock.stall(ms);
        const nowMs = monotonicMs();
        for (const { probe, dueMs, stopped } of started) {
          if (stopped || nowMs < dueMs) assert.equal(probe.firedMs.length, 0);
          else assert.ok(probe.firedMs.length <= 1);
          if (!stopped && nowMs > dueMs + 2 * TICK_MS && kind === 'pass' && ms > 2 * TICK_MS)
            assert.equal(probe.firedMs.length, 1);
          for (const firedMs of probe.firedMs) assert.ok(firedMs >= dueMs);
        }
      }
      clock.pass(30);
      clock.stall(11_100);
      clock.pass(30);
      for (const { probe, stopped } of started) assert.equal(probe.firedMs.length, stopped ? 0 : 1);
    }),
    { numRuns: 150 },
  );
});
