// What is done to the gateway and when, worked out before the run from the seed alone.
import type { Random } from './random.ts';

export type Deed = 'reload' | 'bad_reload' | 'kill_worker' | 'kill_primary';

export interface Planned {
  /** from the beginning of the load */
  atMs: number;
  deed: Deed;
}

const FIRST_MS = 4000;
/** The last part of a run is left alone, so that what is in flight at the end is the load's and not a deed's. */
const QUIET_MS = 5000;
/** A takeover for about so many minutes of run. */
const MINUTES_PER_PRIMARY = 6;
/** Below this a takeover would be all there is. */
const PRIMARY_FROM_MS = 40_000;

/** In order of time. Two of a kind keep their distance; two of different kinds may fall together, which is the point. */
export function schedule(random: Random, durationMs: number): Planned[] {
  const end = durationMs - QUIET_MS;
  const planned: Planned[] = [];
  for (let at = FIRST_MS + random.between(0, 4000); at < end; at += random.between(6000, 12_000)) {
    planned.push({ atMs: at, deed: random.next() < 0.2 ? 'bad_reload' : 'reload' });
  }
  for (let at = random.between(8000, 14_000); at < end; at += random.between(20_000, 30_000)) {
    planned.push({ atMs: at, deed: 'kill_worker' });
  }
  const takeovers =
    durationMs < PRIMARY_FROM_MS ? 0 : Math.max(1, Math.round(durationMs / 60_000 / MINUTES_PER_PRIMARY));
  for (let turn = 0; turn < takeovers; turn++) {
    // a single one comes early, or neither generation would live long enough to be judged
    const middle = (takeovers === 1 ? 0.3 : (turn + 0.5) / takeovers) * durationMs;
    planned.push({ atMs: middle + random.between(-0.05, 0.05) * (durationMs / takeovers), deed: 'kill_primary' });
  }
  return planned.sort((a, b) => a.atMs - b.atMs);
}
