// The worker's sign of life: every BEAT_MS its row in the control segment says when, and how late the loop was.
// The primary reads it; a worker whose beat is stale hangs and is replaced.
import { monotonicMs } from '../shared/clock.ts';
import type { SlotTable } from '../shared/memory/slots.ts';

const BEAT_MS = 100;
/** The worst lag is shown for this many beats: a scrape that comes later still sees it. */
const LAG_WINDOW_BEATS = 10;

/** @returns stops it */
export function startHeart(slots: SlotTable, row: number): () => void {
  let expectedMs = monotonicMs();
  let beat = 0;
  const recent = new Float64Array(LAG_WINDOW_BEATS);
  const tick = (): void => {
    const nowMs = monotonicMs();
    recent[beat % LAG_WINDOW_BEATS] = Math.max(0, nowMs - expectedMs);
    beat += 1;
    expectedMs = nowMs + BEAT_MS;
    slots.beat(row, nowMs, Math.max(...recent));
  };
  tick();
  const timer = setInterval(tick, BEAT_MS);
  return () => clearInterval(timer);
}
