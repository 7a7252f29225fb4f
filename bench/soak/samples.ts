// One look at everything once a second: memory and descriptors of each process from /proc, gauges and counters from
// /metrics. Keeps what the chart and the judgement need.
import { monotonicMs } from '../../src/shared/clock.ts';
import { METRICS, type MetricName } from '../../src/shared/metrics.ts';
import { within } from '../../test/helpers/deadline.ts';
import type { Gateway } from '../../test/helpers/gateway.ts';
import { type ProcessReading, processesOf, readProcess } from './census.ts';
import { FallWatch, nameOf, type Point } from './judgement.ts';

/** One process from its birth to its end. */
export interface Lifetime {
  pid: number;
  startTicks: number;
  role: 'primary' | 'worker';
  rssMb: Point[];
  anonMb: Point[];
  descriptors: Point[];
}

export interface Gauges {
  active: Point[];
  upstreamActive: Point[];
  queued: Point[];
  saturation: Point[];
  connections: Point[];
  lagMs: Point[];
  workersUp: Point[];
}

const MB = 2 ** 20;
/** A scrape that takes longer is left out: a primary that was just killed answers nobody. */
const SCRAPE_WITHIN_MS = 3000;

/** Everything that /metrics calls a counter, and the parts of a histogram. */
export function isCounter(name: string): boolean {
  const family = name.replace(/_(bucket|count|sum)$/, '');
  const type = METRICS[name as MetricName]?.type ?? METRICS[family as MetricName]?.type;
  return type === 'counter' || type === 'histogram';
}

/** Of all samples of one name. */
export function summed(metrics: ReadonlyMap<string, number>, name: string): number {
  let sum = 0;
  for (const [series, value] of metrics) if (nameOf(series) === name) sum += value;
  return sum;
}

function highest(metrics: ReadonlyMap<string, number>, name: string): number {
  let most = 0;
  for (const [series, value] of metrics) if (nameOf(series) === name) most = Math.max(most, value);
  return most;
}

export class Samples {
  readonly lifetimes: Lifetime[] = [];
  readonly rssSumMb: Point[] = [];
  readonly gauges: Gauges = {
    active: [],
    upstreamActive: [],
    queued: [],
    saturation: [],
    connections: [],
    lagMs: [],
    workersUp: [],
  };
  readonly falls = new FallWatch();
  /** pids of every primary so far */
  readonly primaries = new Set<number>();
  scrapesMissed = 0;
  readonly #beganMs = monotonicMs();
  readonly #byIdentity = new Map<string, Lifetime>();

  seconds(): number {
    return this.secondsAt(monotonicMs());
  }

  /** @param ms of the monotonic clock */
  secondsAt(ms: number): number {
    return (ms - this.#beganMs) / 1000;
  }

  /** @returns what /metrics said, or null when no primary answered */
  async look(gateway: Gateway): Promise<Map<string, number> | null> {
    this.#lookAtProcesses(gateway.directory, this.seconds());
    let metrics: Map<string, number>;
    try {
      metrics = await within(SCRAPE_WITHIN_MS, gateway.metrics(), 'a scrape');
    } catch {
      this.scrapesMissed += 1; // counted and in the report: between a kill and a takeover nobody answers
      return null;
    }
    this.#keep(metrics, this.seconds());
    return metrics;
  }

  #lookAtProcesses(directory: string, t: number): void {
    let sum = 0;
    for (const pid of processesOf(directory)) {
      const reading = readProcess(pid);
      if (reading === null) continue;
      sum += reading.rssBytes / MB;
      const lifetime = this.#lifetimeOf(reading);
      lifetime.rssMb.push([t, reading.rssBytes / MB]);
      lifetime.anonMb.push([t, reading.anonBytes / MB]);
      lifetime.descriptors.push([t, reading.descriptors]);
    }
    this.rssSumMb.push([t, sum]);
  }

  #lifetimeOf({ pid, startTicks }: ProcessReading): Lifetime {
    const key = `${pid} ${startTicks}`;
    let lifetime = this.#byIdentity.get(key);
    if (lifetime === undefined) {
      const role = this.primaries.has(pid) ? 'primary' : 'worker';
      lifetime = { pid, startTicks, role, rssMb: [], anonMb: [], descriptors: [] };
      this.#byIdentity.set(key, lifetime);
      this.lifetimes.push(lifetime);
    }
    return lifetime;
  }

  #keep(metrics: Map<string, number>, t: number): void {
    this.falls.look(metrics, isCounter, `at ${t.toFixed(1)} s`);
    const { active, upstreamActive, queued, saturation, connections, lagMs, workersUp } = this.gauges;
    active.push([t, summed(metrics, 'http_requests_active')]);
    upstreamActive.push([t, summed(metrics, 'upstream_requests_active')]);
    queued.push([t, summed(metrics, 'upstream_requests_queued')]);
    saturation.push([t, highest(metrics, 'upstream_connection_saturation_ratio')]);
    connections.push([t, summed(metrics, 'connections_active')]);
    lagMs.push([t, highest(metrics, 'worker_event_loop_lag_seconds') * 1000]);
    workersUp.push([t, summed(metrics, 'worker_up')]);
  }
}

/** Looks at once, then every second, until stopped. Looks never overlap. */
export class Sampler {
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #looking: Promise<unknown> = Promise.resolve();
  readonly #look: () => Promise<unknown>;

  constructor(look: () => Promise<unknown>) {
    this.#look = look;
    this.#next(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
  }

  #next(ms: number): void {
    this.#timer = setTimeout(() => {
      const began = performance.now();
      this.#looking = this.#look().finally(() => {
        if (!this.#stopped) this.#next(Math.max(0, 1000 - (performance.now() - began)));
      });
    }, ms);
  }
}
