// When the requests of an open loop are due: evenly spaced, whatever the answers do. Used by open-loop.ts, and
// its ticks by pacer.ts.

/** More ticks than this would only cost; the requests of one tick go out together. */
const TICK_MS_MIN = 0.1;

export class Schedule {
  readonly intervalMs: number;
  /** requests in all */
  readonly total: number;
  /** the first ones, which are sent and not counted */
  readonly warmUp: number;

  constructor(rate: number, warmUpSeconds: number, seconds: number) {
    this.intervalMs = 1000 / rate;
    this.warmUp = Math.round(rate * warmUpSeconds);
    this.total = this.warmUp + Math.round(rate * seconds);
  }

  /** The time, since the start, at which the request of this index is to be sent. */
  dueMs(index: number): number {
    return index * this.intervalMs;
  }

  /** How many requests are due at a time, from the first on. */
  dueBy(nowMs: number): number {
    if (nowMs < 0) return 0;
    return Math.min(this.total, Math.floor(nowMs / this.intervalMs) + 1);
  }

  get tickMs(): number {
    return Math.max(this.intervalMs, TICK_MS_MIN);
  }
}
