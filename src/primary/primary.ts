// The control plane of one gateway, from the first plan to the last worker's end. Puts the rooms together and owns the
// order of things; each room knows its own business:
//
//   takePossession ─▶ settlePlan ─▶ admin listens ─▶ workers start ─▶ all ready ─▶ orphans leave ─▶ … ─▶ shutdown
//
// Called by `weir run`. A signal is an intent (early-signals.ts) that onIntent brings here, at whatever stage.
import { type Intent, onIntent } from '../early-signals.ts';
import { monotonicMs } from '../shared/clock.ts';
import { OperatorError } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import { shapeFor } from '../shared/memory/layout.ts';
import { type Segment, segmentPath } from '../shared/memory/segment.ts';
import { processStartTicks } from '../shared/memory/slots.ts';
import type { PlanHead } from '../shared/plan.ts';
import { adminRoutes } from './admin/routes.ts';
import { AdminServer } from './admin/server.ts';
import type { Host } from './admin/views.ts';
import { Addresses } from './reload/addresses.ts';
import type { LoadedPlan, PlanLoader } from './reload/plan-loader.ts';
import { Publication } from './reload/publication.ts';
import { logWarnings, Reloader, settlePlan } from './reload/reloader.ts';
import { unblockReloadSignal } from './signal-mask.ts';
import { Supervisor, type Timing } from './supervisor.ts';
import { OrphanWatch, type Possession, takePossession } from './takeover.ts';
import { WorkerHost } from './worker-host.ts';

export interface PrimaryOptions {
  configFile: string;
  /** overrides the config's; null = the config decides */
  workers: number | null;
  version: string;
  /** the file that workers run */
  workerMain: string;
  loader: PlanLoader;
  log: Logger;
  env: NodeJS.ProcessEnv;
  timing?: Partial<Timing>;
}

/** What there is to say once the gateway serves. */
export interface Ready {
  workers: number;
  routes: number;
  listeners: { host: string; port: number }[];
  admin: { host: string; port: number };
}

/** Requests in flight get this long after SIGTERM; then they are cut. */
const DRAIN_MS = 30_000;
const BEAT_MS = 1000;
/** By then whoever waited for the ready line has sent the first requests. */
const WARM_AFTER_MS = 500;

export class Primary {
  readonly #options: PrimaryOptions;
  readonly #log: Logger;
  readonly #possession: Possession;
  readonly #segment: Segment;
  readonly #supervisor: Supervisor;
  readonly #orphans: OrphanWatch;
  readonly #addresses = new Addresses();
  readonly #startedMs = monotonicMs();
  readonly #workerCount: number;
  readonly #deaths: number;
  readonly #ended = Promise.withResolvers<void>();
  readonly #allReady = Promise.withResolvers<void>();
  #plan: LoadedPlan;
  #publication: Publication | null = null;
  #reloader: Reloader | null = null;
  #admin: AdminServer | null = null;
  #beat: NodeJS.Timeout | null = null;
  #warmTimer: NodeJS.Timeout | null = null;
  #wantedReady = 0;
  #isReady = false;
  #shutdowns = 0;

  /** @throws OperatorError while another primary has this config, or when there is no room for the segment */
  constructor(options: PrimaryOptions, plan: LoadedPlan) {
    const { log, configFile, env, workerMain, timing } = options;
    this.#options = options;
    this.#log = log;
    this.#plan = plan;
    this.#workerCount = options.workers ?? plan.workers;
    const path = segmentPath(configFile, env);
    this.#possession = takePossession(path, shapeOf(plan.head, this.#workerCount), this.#workerCount, log);
    this.#segment = this.#possession.segment;
    this.#deaths = this.#segment.series(0).counter('worker_deaths_total', []);
    const host = new WorkerHost({ exec: workerMain, segmentPath: path });
    this.#supervisor = new Supervisor(
      this.#segment,
      host,
      log,
      {
        message: (row, message) => {
          this.#publication?.onMessage(row, message);
          if (message.type === 'ready') this.#onWorkerReady();
        },
        gone: (row) => this.#publication?.onGone(row),
        died: () => this.#countDeath(),
        hopeless: (sentence) => this.#fail(new OperatorError(sentence)),
      },
      timing,
    );
    this.#orphans = new OrphanWatch(this.#possession.orphans, this.#segment, () => this.#supervisor.rowFreed());
  }

  /**
   * Runs until a shutdown is asked for. `onReady` once, when all workers serve.
   * @throws OperatorError when the gateway cannot start or cannot go on
   */
  async run(onReady: (ready: Ready) => Promise<void> | void): Promise<void> {
    this.#claimRow();
    onIntent((intent, signal) => this.#act(intent, signal));
    unblockReloadSignal();
    try {
      const starting = this.#start(onReady);
      await Promise.race([starting, this.#ended.promise]);
      await this.#ended.promise;
    } catch (error) {
      // a gateway that never served leaves nothing behind; orphans go on as they were
      this.#shutdowns++;
      await this.#supervisor.killAll();
      throw error;
    } finally {
      await this.#leave();
    }
  }

  async #start(onReady: (ready: Ready) => Promise<void> | void): Promise<void> {
    const { log } = this.#options;
    const orphaned = this.#orphans.pids.length > 0;
    logWarnings(this.#plan.warnings, log);
    const packed = await settlePlan(this.#plan, this.#segment, this.#addresses, new Set(), !orphaned);
    this.#publication = new Publication(this.#segment, this.#supervisor, log, packed);
    this.#publication.onRefusedAtBirth = (reason) => {
      if (!this.#isReady) this.#fail(new OperatorError(`The workers cannot start: ${reason}.`));
    };
    this.#reloader = this.#newReloader(this.#publication);
    const adminPort = await this.#listenAdmin(this.#reloader);
    if (this.#shutdowns > 0) return;

    this.#wantedReady = Math.min(this.#workerCount, freeRows(this.#segment));
    this.#supervisor.start(this.#workerCount);
    await this.#allReady.promise;
    this.#isReady = true;
    this.#addresses.commit();
    await this.#addresses.release();
    this.#orphans.signal('SIGTERM');
    if (this.#shutdowns > 0) return;
    const { host } = this.#plan.admin;
    const { listeners, routeCount } = packed.head;
    await onReady({
      workers: this.#wantedReady,
      routes: routeCount,
      listeners,
      admin: { host, port: adminPort },
    });
    this.#warmTimer = setTimeout(() => {
      // without it the first large reload is slower, no more
      this.#options.loader.warm().catch((error: unknown) => log.debug({ err: error }, 'compile thread not warmed'));
    }, WARM_AFTER_MS);
    this.#warmTimer.unref();
  }

  #claimRow(): void {
    const { slots } = this.#segment;
    slots.claim(0, process.pid, processStartTicks(process.pid), 'primary');
    slots.setState(0, 'ready');
    let expectedMs = monotonicMs();
    const beat = (): void => {
      const now = monotonicMs();
      slots.beat(0, now, Math.max(0, now - expectedMs));
      expectedMs = now + BEAT_MS;
    };
    beat();
    this.#beat = setInterval(beat, BEAT_MS);
    this.#beat.unref();
  }

  #newReloader(publication: Publication): Reloader {
    const { configFile, loader, log } = this.#options;
    return new Reloader({
      file: configFile,
      segment: this.#segment,
      addresses: this.#addresses,
      publication,
      load: (file) => loader.load(file),
      log,
      ownPids: () => new Set(this.#supervisor.workers().map(({ pid }) => pid)),
      orphaned: () => this.#orphans.pids.length > 0,
      onPlan: (plan) => this.#onPlan(plan),
    });
  }

  #onPlan(plan: LoadedPlan): void {
    const { admin, workers } = this.#plan;
    const changed = [
      ...(this.#options.workers === null && plan.workers !== workers ? ['workers'] : []),
      ...(JSON.stringify(plan.admin) === JSON.stringify(admin) ? [] : ['admin']),
    ];
    if (changed.length > 0) this.#log.warn(`a change of ${changed.join(' and ')} takes effect at the next start`);
    // what did not take effect is compared again with what is in force
    this.#plan = { ...plan, admin, workers };
  }

  #listenAdmin(reloader: Reloader): Promise<number> {
    const host = this.#host(reloader);
    const routes = adminRoutes(host, {
      reload: (source) => reloader.request(source),
      drain: () => this.#shutdown('admin'),
    });
    this.#admin = new AdminServer(this.#plan.admin, routes, this.#log);
    return this.#admin.listen();
  }

  #host(reloader: Reloader): Host {
    return {
      version: this.#options.version,
      configFile: this.#options.configFile,
      startedMs: this.#startedMs,
      segment: this.#segment,
      plan: () => this.#plan,
      workers: () => this.#supervisor.workers(),
      orphans: () => this.#orphans.pids,
      draining: () => this.#shutdowns > 0,
      lastReload: () => reloader.last,
    };
  }

  #onWorkerReady(): void {
    const ready = this.#supervisor.workers().filter(({ state }) => state === 'ready').length;
    if (ready >= this.#wantedReady) this.#allReady.resolve();
  }

  #countDeath(): void {
    const { f64 } = this.#segment;
    f64[this.#deaths] = (f64[this.#deaths] ?? 0) + 1;
  }

  #act(intent: Intent, signal: NodeJS.Signals): void {
    if (intent === 'shutdown') this.#shutdown(signal);
    else if (intent === 'recycle') this.#log.warn('SIGUSR2 does nothing in this version');
    else if (this.#shutdowns === 0) this.#reloadWhenReady(signal);
  }

  /** A reload that is asked for during the start follows it. */
  #reloadWhenReady(signal: NodeJS.Signals): void {
    void this.#allReady.promise.then(() => {
      if (this.#shutdowns === 0) void this.#reloader?.request(signal);
    });
  }

  /** The first time: finish what is in flight. Again: at once. */
  #shutdown(source: string): void {
    this.#shutdowns++;
    if (this.#shutdowns > 2) return;
    const atOnce = this.#shutdowns === 2;
    this.#log.info({ source }, atOnce ? 'asked again, ending at once' : 'draining');
    this.#segment.setHostDraining(true);
    this.#orphans.signal(atOnce ? 'SIGKILL' : 'SIGTERM');
    const workers = atOnce ? this.#supervisor.killAll() : this.#supervisor.drain(DRAIN_MS);
    // orphans have the same time, and no supervisor
    const deadline = setTimeout(() => this.#orphans.signal('SIGKILL'), DRAIN_MS);
    void Promise.all([workers, this.#orphans.gone()]).then(() => {
      clearTimeout(deadline);
      this.#ended.resolve();
    });
  }

  #fail(error: Error): void {
    this.#ended.reject(error);
  }

  async #leave(): Promise<void> {
    if (this.#beat) clearInterval(this.#beat);
    this.#reloader?.close();
    this.#admin?.close();
    await this.#addresses.release();
    if (this.#warmTimer !== null) clearTimeout(this.#warmTimer);
    await this.#options.loader.close();
    const orphaned = this.#orphans.pids.length > 0;
    this.#orphans.close();
    this.#segment.sweep(0);
    if (!orphaned) this.#segment.unlink();
    this.#possession.lock.release();
  }
}

function shapeOf({ upstreams, routeCount }: PlanHead, workers: number): ReturnType<typeof shapeFor> {
  const endpoints = upstreams.reduce((sum, upstream) => sum + upstream.endpoints.length, 0);
  return shapeFor(workers, routeCount, endpoints, upstreams.length);
}

function freeRows({ slots }: Segment): number {
  let free = 0;
  for (let row = 1; row < slots.count; row++) if (slots.state(row) === 'free') free++;
  return free;
}
