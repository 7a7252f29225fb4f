// What a soak's figures mean: slopes, falling counters, and whose fault a failed request was. Pure; called by run.ts.
import type { Clients } from './census.ts';
import type { Failure } from './messages.ts';

/** [seconds, value] */
export type Point = [number, number];

export interface Slope {
  /** by the second */
  slope: number;
  /** standard error of it, widened for samples that follow one another closely */
  error: number;
  /** at the first and the last point of the line */
  from: number;
  to: number;
}

/** Least squares. null for fewer than three points, or all at one time. */
export function regress(points: readonly Point[]): Slope | null {
  const n = points.length;
  if (n < 3) return null;
  const meanT = points.reduce((sum, [t]) => sum + t, 0) / n;
  const meanV = points.reduce((sum, [, v]) => sum + v, 0) / n;
  let tt = 0;
  let tv = 0;
  for (const [t, v] of points) {
    tt += (t - meanT) ** 2;
    tv += (t - meanT) * (v - meanV);
  }
  if (tt === 0) return null;
  const slope = tv / tt;
  const rest = points.map(([t, v]) => v - meanV - slope * (t - meanT));
  const squares = rest.reduce((sum, r) => sum + r * r, 0);
  // A saw-tooth of the collector is no independent noise: n samples are worth n (1 − r) / (1 + r) of them.
  let lagged = 0;
  for (let i = 1; i < n; i++) lagged += rest[i]! * rest[i - 1]!;
  const correlation = squares === 0 ? 0 : Math.min(0.98, Math.max(0, lagged / squares));
  const worth = Math.max(3, (n * (1 - correlation)) / (1 + correlation));
  const error = Math.sqrt(squares / n / (tt / n) / Math.max(1, worth - 2));
  const at = (t: number) => meanV + slope * (t - meanT);
  return { slope, error, from: at(points[0]![0]), to: at(points[n - 1]![0]) };
}

export type Growth = 'flat' | 'growing' | 'too short';

export interface GrowthLimits {
  /** seconds after the warm-up below which nothing is said */
  secondsMin: number;
  /** per hour: a slope below it is flat */
  perHour: number;
  /** a rise over the whole time below it is flat: the collector's saw-tooth is as high */
  rise: number;
}

/** Growing: surely (by two standard errors) steeper than the limit, and by more than a saw-tooth's height. */
export function growth(points: readonly Point[], limits: GrowthLimits): { growth: Growth; slope: Slope | null } {
  const slope = regress(points);
  const seconds = points.length === 0 ? 0 : points.at(-1)![0] - points[0]![0];
  if (slope === null || seconds < limits.secondsMin) return { growth: 'too short', slope };
  const surely = (slope.slope - 2 * slope.error) * 3600;
  return { growth: surely > limits.perHour && slope.to - slope.from > limits.rise ? 'growing' : 'flat', slope };
}

/** Counters may stand and rise. Fed with every scrape; keeps the highest that each series has shown. */
export class FallWatch {
  readonly falls: string[] = [];
  readonly #highest = new Map<string, number>();

  /** @param isCounter by the name without labels, histogram suffixes included */
  look(samples: ReadonlyMap<string, number>, isCounter: (name: string) => boolean, when: string): void {
    for (const [series, value] of samples) {
      if (!isCounter(nameOf(series))) continue;
      const highest = this.#highest.get(series) ?? 0;
      if (value < highest) this.falls.push(`${when}: ${series} fell from ${highest} to ${value}`);
      else this.#highest.set(series, value);
    }
    for (const series of this.#highest.keys()) {
      if (samples.has(series)) continue;
      this.falls.push(`${when}: ${series} is gone`);
      this.#highest.delete(series);
    }
  }
}

export function nameOf(series: string): string {
  const brace = series.indexOf('{');
  return brace < 0 ? series : series.slice(0, brace);
}

/** A worker that was stopped, looked at, and killed. */
export interface Killed {
  pid: number;
  stoppedMs: number;
  killedMs: number;
  /** its sockets are closed by now; until then its listener takes connections that nobody will accept */
  overMs: number;
  clients: Clients;
}

/** A connection may be asked for right before the victim is stopped and get into its queue right after. */
const AROUND_MS = 50;

export type Attribution = 'in a killed worker' | 'waiting for a killed worker to accept' | null;

/** null: no kill explains it. */
export function attribute(failure: Failure, kills: readonly Killed[]): Attribution {
  // an answer of the wrong kind is an answer: no kill makes a worker that lives give one
  if (/^(status|length|no length)|too many|unasked/.test(failure.what)) return null;
  for (const { stoppedMs, overMs, clients } of kills) {
    if (failure.endedMs < stoppedMs || failure.openedMs > overMs) continue;
    if (clients.accepted.has(failure.localPort)) return 'in a killed worker';
    // every worker has its own queue of those who wait to be accepted; it goes with the worker
    const asked = failure.openedMs >= stoppedMs - AROUND_MS;
    if (failure.served === 0 && (asked || clients.unaccepted.has(failure.localPort))) {
      return 'waiting for a killed worker to accept';
    }
  }
  return null;
}
