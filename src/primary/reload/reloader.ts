// What SIGUSR1, SIGHUP and POST /-/reload lead to: read the config again, and bring it into force everywhere or nowhere.
// One reload at a time; whatever is asked for meanwhile is one more after it, however often it was asked.
// The primary owns one reloader, and takes the first plan from it too.
import { monotonicMs } from '../../shared/clock.ts';
import type { Fault } from '../../shared/config/fault.ts';
import { OperatorError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { Segment } from '../../shared/memory/segment.ts';
import type { Addresses } from './addresses.ts';
import { Retirement, resolveItems } from './identities.ts';
import type { LoadedPlan, LoadOutcome } from './plan-loader.ts';
import { type PackedPlan, type Publication, packPlan, type WorkerBuild } from './publication.ts';

export interface ReloadResult {
  ok: boolean;
  /** in force after it, whether it succeeded or not */
  epoch: number;
  hash: string | null;
  /** from the request to the last worker's word, waiting for an earlier reload included */
  tookMs: number;
  /** what asked for it: a signal's name, or `admin` */
  source: string;
  /** milliseconds since 1970 */
  at: number;
  /** one sentence when it failed, the first fault's for a bad config */
  reason: string | null;
  /** errors of the config; empty when it failed for another reason */
  faults: Fault[];
  warnings: Fault[];
  workers: WorkerBuild[];
}

export interface ReloaderOptions {
  file: string;
  segment: Segment;
  addresses: Addresses;
  publication: Publication;
  load(file: string): Promise<LoadOutcome>;
  log: Logger;
  /** processes of ours that may hold an address already */
  ownPids(): Set<number>;
  /** workers of an earlier primary still hold addresses */
  orphaned(): boolean;
  /** the plan that is in force from now on */
  onPlan(plan: LoadedPlan): void;
}

/** How often items that no plan names any more are looked at. */
const RETIREMENT_INTERVAL_MS = 10_000;

type Try = Pick<ReloadResult, 'ok' | 'hash' | 'reason' | 'faults' | 'warnings' | 'workers'>;

export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #success: number;
  readonly #failure: number;
  readonly #retirement: Retirement;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<ReloadResult> | null = null;
  #next: Promise<ReloadResult> | null = null;
  #last: ReloadResult | null = null;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    const { segment, publication } = options;
    const series = segment.series(0);
    this.#success = series.counter('config_reload_total', ['success']);
    this.#failure = series.counter('config_reload_total', ['failure']);
    this.#retirement = new Retirement(segment.items);
    this.#timer = setInterval(() => {
      // workers of an earlier primary count on the plan of that one
      if (!options.orphaned()) this.#retirement.sweep(publication.inForce.head);
    }, RETIREMENT_INTERVAL_MS);
    this.#timer.unref();
  }

  /** The last result, null before the first reload. */
  get last(): ReloadResult | null {
    return this.#last;
  }

  /** Never rejects: a failed reload is a result. */
  request(source: string): Promise<ReloadResult> {
    const askedMs = monotonicMs();
    if (!this.#running) return this.#start(source, askedMs);
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.#start(source, askedMs);
    });
    return this.#next;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #start(source: string, askedMs: number): Promise<ReloadResult> {
    const run = this.#run(source, askedMs).finally(() => {
      this.#running = null;
    });
    this.#running = run;
    return run;
  }

  async #run(source: string, askedMs: number): Promise<ReloadResult> {
    const { segment, log } = this.#options;
    const attempt = await this.#attempt().catch((error: Error) => {
      // what is not the operator's to mend is ours: the log needs the place
      if (!(error instanceof OperatorError)) log.error({ err: error }, 'reload failed within Weir');
      return failed(error.message);
    });
    const result: ReloadResult = {
      ...attempt,
      epoch: segment.epoch(),
      tookMs: Math.round((monotonicMs() - askedMs) * 10) / 10,
      source,
      at: Date.now(),
    };
    this.#last = result;
    const counter = result.ok ? this.#success : this.#failure;
    segment.f64[counter] = (segment.f64[counter] ?? 0) + 1;
    logResult(result, log);
    return result;
  }

  async #attempt(): Promise<Try> {
    const { file, segment, addresses, publication, load, ownPids, orphaned, onPlan } = this.#options;
    const outcome = await load(file);
    if (!outcome.ok) {
      const [first] = outcome.faults;
      const reason = first ? placed(first) : 'the config has faults';
      return { ...failed(reason), faults: outcome.faults, warnings: outcome.warnings };
    }
    const { plan } = outcome;
    try {
      const packed = await settlePlan(plan, segment, addresses, ownPids(), !orphaned());
      const published = await publication.publish(packed);
      const { workers } = published;
      if (!published.ok) return { ...failed(published.reason), warnings: plan.warnings, workers };
      addresses.commit();
      onPlan(plan);
      return { ok: true, hash: plan.head.hash, reason: null, faults: [], warnings: plan.warnings, workers };
    } finally {
      await addresses.release();
    }
  }
}

/** Resolves what only the running host knows: epoch, ports, ledger items. @throws OperatorError */
export async function settlePlan(
  plan: LoadedPlan,
  segment: Segment,
  addresses: Addresses,
  ownPids: Set<number>,
  probe: boolean,
): Promise<PackedPlan> {
  await addresses.resolve(plan.head.listeners, ownPids, probe);
  resolveItems(plan.head, segment.items);
  plan.head.epoch = segment.epoch() + 1;
  return packPlan(plan.head, plan.parts);
}

/** `gateway.yaml:7:3: upstreams.users: …` */
export function placed({ file, line, col, path, message }: Fault): string {
  return `${file}:${line}:${col}: ${path === '' ? '' : `${path}: `}${message}`;
}

export function logWarnings(warnings: readonly Fault[], log: Logger): void {
  for (const warning of warnings) log.warn({ hint: warning.hint ?? undefined }, placed(warning));
}

function failed(reason: string): Try {
  return { ok: false, hash: null, reason, faults: [], warnings: [], workers: [] };
}

function logResult(result: ReloadResult, log: Logger): void {
  const { ok, epoch, hash, tookMs, source, reason, faults, warnings, workers } = result;
  logWarnings(warnings, log);
  if (ok) {
    log.info({ epoch, hash, tookMs, source, workers }, 'config reloaded');
    return;
  }
  for (const fault of faults) log.error({ hint: fault.hint ?? undefined }, placed(fault));
  log.error({ epoch, tookMs, source, reason }, 'reload refused, the old config stays in force');
}
