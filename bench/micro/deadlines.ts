// Starting and stopping a deadline on the wheel, alone and beside many others; Node's own timer for comparison.
// Run: node bench/micro/deadlines.ts
import { monotonicMs } from '../../src/shared/clock.ts';
import { Deadline, Deadlines } from '../../src/worker/proxy/deadlines.ts';
import { type Bench, measure, present } from './harness.ts';

class Silent extends Deadline {
  expired(): void {}
}

/** One request's two deadlines while `others` requests have theirs. */
function startAndStop(others: number): Bench {
  const wheel = new Deadlines();
  const nowMs = monotonicMs();
  // far away: none fires while the bench runs, and the timer of the wheel never gets its turn
  for (let i = 0; i < others; i++) wheel.start(new Silent(), nowMs, 600_000 + i);
  const deadline = new Silent();
  return {
    name: `start + stop, beside ${others} others`,
    run(times) {
      for (let i = 0; i < times; i++) {
        wheel.start(deadline, nowMs, 30_000);
        wheel.stop(deadline);
      }
    },
  };
}

await present(import.meta.url, () => {
  const figures = [startAndStop(0), startAndStop(1000), startAndStop(100_000)].map(measure);
  figures.push(
    measure({
      name: 'setTimeout + clearTimeout, for comparison',
      run(times) {
        for (let i = 0; i < times; i++) clearTimeout(setTimeout(() => {}, 30_000));
      },
    }),
    measure({
      name: 'monotonicMs',
      run(times) {
        for (let i = 0; i < times; i++) monotonicMs();
      },
    }),
  );
  // the timers of the wheels would keep this process alive
  setImmediate(() => process.exit());
  return figures;
});
