// What this worker counts, in its own rows of the control segment: a plain add to a cell that nobody else writes.
// Cells are resolved when a plan is built or on the first use of a label set, never looked up by name per request.
import type { Reason } from '../../shared/errors.ts';
import type { Segment } from '../../shared/memory/segment.ts';
import type { SeriesWriter } from '../../shared/memory/series.ts';
import { DURATION_BUCKETS } from '../../shared/metrics.ts';

/** Methods that get a label of their own; a client can invent any number of others. */
const METHOD_LABELS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'OTHER'] as const;
const OTHER = METHOD_LABELS.length - 1;
const METHOD_INDEX = new Map<string, number>(METHOD_LABELS.map((method, index) => [method, index]));

const BOUNDS_MS = DURATION_BUCKETS.map((seconds) => seconds * 1000);
const SUM_AT = BOUNDS_MS.length + 1;

/** Adds one observation to a histogram whose first cell is `base`. */
export function observeMs(cells: Float64Array, base: number, ms: number): void {
  let bucket = 0;
  while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]!) bucket += 1;
  cells[base + bucket]! += 1;
  cells[base + SUM_AT]! += ms / 1000;
}

/** The counters of one route label. They belong to the label, not to a plan: kept over reloads by RouteCounterSet. */
export class RouteCounters {
  readonly #cells: Float64Array;
  readonly #series: SeriesWriter;
  readonly #route: string;
  // both on first use: of ten thousand routes most are never asked for
  #totals: Map<number, number> | null = null;
  #failures: Map<Reason, number> | null = null;
  #durationCell = -1;
  // most requests of a route end alike: one comparison instead of a map look-up
  #lastKey = -1;
  #lastCell = 0;

  constructor(segment: Segment, series: SeriesWriter, route: string) {
    this.#cells = segment.f64;
    this.#series = series;
    this.#route = route;
  }

  /** One finished request. @param status 499 when the client left first */
  finished(method: string, status: number, durationMs: number): void {
    const methodIndex = METHOD_INDEX.get(method) ?? OTHER;
    const key = methodIndex * 1000 + status;
    if (key !== this.#lastKey) {
      this.#lastCell = this.#totalCell(key, METHOD_LABELS[methodIndex]!, status);
      this.#lastKey = key;
    }
    this.#cells[this.#lastCell]! += 1;
    if (this.#durationCell < 0) {
      this.#durationCell = this.#series.histogram('http_request_duration_seconds', [this.#route]);
    }
    observeMs(this.#cells, this.#durationCell, durationMs);
  }

  /** One request that Weir answered or cut by itself. */
  failed(reason: Reason): void {
    this.#failures ??= new Map();
    let cell = this.#failures.get(reason);
    if (cell === undefined) {
      cell = this.#series.counter('http_request_failures_total', [this.#route, reason]);
      this.#failures.set(reason, cell);
    }
    this.#cells[cell]! += 1;
  }

  #totalCell(key: number, method: string, status: number): number {
    this.#totals ??= new Map();
    let cell = this.#totals.get(key);
    if (cell === undefined) {
      cell = this.#series.counter('http_requests_total', [this.#route, method, String(status)]);
      this.#totals.set(key, cell);
    }
    return cell;
  }
}

/** Hands out the counters of each route label; one per worker. */
export class Counters {
  readonly segment: Segment;
  readonly series: SeriesWriter;
  readonly #routes = new Map<string, RouteCounters>();
  readonly #retries = new Map<string, number>();

  constructor(segment: Segment, row: number) {
    this.segment = segment;
    this.series = segment.series(row);
  }

  route(label: string): RouteCounters {
    let counters = this.#routes.get(label);
    if (counters === undefined) {
      counters = new RouteCounters(this.segment, this.series, label);
      this.#routes.set(label, counters);
    }
    return counters;
  }

  upstreamDuration(upstream: string): number {
    return this.series.histogram('upstream_request_duration_seconds', [upstream]);
  }

  upstreamFinished(durationCell: number, durationMs: number): void {
    observeMs(this.segment.f64, durationCell, durationMs);
  }

  retried(upstream: string, reason: Reason): void {
    const key = `${upstream} ${reason}`;
    let cell = this.#retries.get(key);
    if (cell === undefined) {
      cell = this.series.counter('upstream_retries_total', [upstream, reason]);
      this.#retries.set(key, cell);
    }
    this.segment.f64[cell]! += 1;
  }
}
