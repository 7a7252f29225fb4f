// Stands in for a worker in tests of the supervisor: says what a worker says, serves nobody. How it behaves is in
// STAND_IN: ok, dies, never-ready, wedges, refuses, refuses-second, silent-second, never-drains.
import { monotonicMs } from '../../../src/shared/clock.ts';
import { Segment } from '../../../src/shared/memory/segment.ts';
import { processStartTicks } from '../../../src/shared/memory/slots.ts';
import { type PrimaryMessage, pack, unpack, type WorkerMessage } from '../../../src/shared/messages.ts';

const behaviour = process.env['STAND_IN'] ?? 'ok';
if (behaviour === 'dies') process.exit(3);

const row = Number(process.env['WEIR_ROW']);
const segment = Segment.attach(process.env['WEIR_SEGMENT'] as string);
segment.slots.claim(row, process.pid, processStartTicks(process.pid), 'worker');
// something that a sweep must take back
segment.ledger(row).raise(0);
segment.slots.beat(row, monotonicMs(), 0);
setInterval(() => segment.slots.beat(row, monotonicMs(), 0), 20);

let ready = false;
process.on('message', (bytes: Uint8Array) => {
  const message = unpack<PrimaryMessage>(bytes);
  if (message.type === 'plan_end') build(message.epoch);
  else if (message.type === 'plan_commit') commit();
  else if (message.type === 'drain' && behaviour !== 'never-drains') process.exit(0);
});
process.on('disconnect', () => process.exit(0));
say({ type: 'hello' });

function build(epoch: number): void {
  if (behaviour === 'never-ready') return;
  if (behaviour === 'refuses' || (behaviour === 'refuses-second' && ready)) {
    say({ type: 'plan_refused', epoch, reason: 'it does not like the plan' });
    return;
  }
  if (behaviour === 'silent-second' && ready) return;
  segment.slots.setEpochBuilt(row, epoch);
  say({ type: 'plan_built', epoch, tookMs: 1 });
}

function commit(): void {
  if (ready) return;
  ready = true;
  segment.slots.setState(row, 'ready');
  say({ type: 'ready' });
  // a loop that stands still: for longer than any test waits, and not for ever
  if (behaviour === 'wedges' && row === 1)
    setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000), 50);
}

function say(message: WorkerMessage): void {
  process.send?.(pack(message));
}
