// The clock of an open loop: a thread that sleeps until each tick and then wakes open-loop.ts. Timers of the event loop
// count in whole milliseconds; a wait on memory is good to some 60 µs and burns nothing meanwhile.
import { parentPort, workerData } from 'node:worker_threads';

export interface Pace {
  /** of process.hrtime, which all threads share */
  startNs: bigint;
  tickMs: number;
  /** word 0 is set and notified to end the thread */
  stop: Int32Array;
}

const { startNs, tickMs, stop } = workerData as Pace;
const sinceStartMs = () => Number(process.hrtime.bigint() - startNs) / 1e6;

for (let tick = 0; Atomics.load(stop, 0) === 0; ) {
  const aheadMs = tick * tickMs - sinceStartMs();
  if (aheadMs > 0) {
    Atomics.wait(stop, 0, 0, aheadMs);
    continue; // it may have woken a little early, when nothing is due yet
  }
  parentPort?.postMessage(0);
  // ticks that passed meanwhile are not made up for: the next one sends all that is due
  tick = Math.max(tick + 1, Math.ceil(sinceStartMs() / tickMs));
}
