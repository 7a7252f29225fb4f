// Finds workers whose loop stands still. A worker beats into its slot every 100 ms; one that has not for STALE_MS is
// wedged. A primary that was itself suspended (SIGSTOP, a frozen VM) sees old beats everywhere and must not believe
// them: it notices by the gap between its own looks. Called by the supervisor.
import { monotonicMs } from '../shared/clock.ts';

export const STALE_MS = 5000;
const LOOK_INTERVAL_MS = 1000;
/** our own loop may be late by this much before we distrust what we see */
const OWN_GAP_MS = 1500;

export interface Pulse {
  row: number;
  /** monotonicMs of the last beat; 0 = none yet */
  beatMs: number;
}

export interface HeartbeatOptions {
  /** the workers to look at now */
  pulses(): Pulse[];
  stale(row: number, silentMs: number): void;
  staleMs?: number;
  lookIntervalMs?: number;
  now?(): number;
}

export class Heartbeats {
  readonly #options: HeartbeatOptions;
  readonly #staleMs: number;
  readonly #intervalMs: number;
  readonly #now: () => number;
  #lookedMs: number;
  #trustFromMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#staleMs = options.staleMs ?? STALE_MS;
    this.#intervalMs = options.lookIntervalMs ?? LOOK_INTERVAL_MS;
    this.#now = options.now ?? monotonicMs;
    this.#lookedMs = this.#now();
  }

  start(): void {
    this.#lookedMs = this.#now();
    this.#timer ??= setInterval(() => this.look(), this.#intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** One look at all workers; after a gap of our own they get STALE_MS to beat again. */
  look(): void {
    const now = this.#now();
    const gapMs = now - this.#lookedMs;
    this.#lookedMs = now;
    if (gapMs > this.#intervalMs + OWN_GAP_MS) this.#trustFromMs = now + this.#staleMs;
    if (now < this.#trustFromMs) return;
    for (const { row, beatMs } of this.#options.pulses()) {
      if (beatMs > 0 && now - beatMs > this.#staleMs) this.#options.stale(row, now - beatMs);
    }
  }
}
