// A worker process: attaches to the host's control segment, takes its plan from the primary, serves. When the primary
// is killed it goes on with the plan that it has, until the next primary's workers are up and SIGTERM comes.
import cluster from 'node:cluster';
import { setImmediate as setImmediatePromise } from 'node:timers/promises';
import { invariant } from '../shared/errors.ts';
import { createLogger, type Logger } from '../shared/log.ts';
import { ITEM_REQUESTS } from '../shared/memory/layout.ts';
import { Segment } from '../shared/memory/segment.ts';
import { processStartTicks } from '../shared/memory/slots.ts';
import { type PrimaryMessage, pack, unpack, unpackRoutes, type WorkerMessage } from '../shared/messages.ts';
import type { PlanHead, RoutePlan } from '../shared/plan.ts';
import { Epochs } from './epochs.ts';
import { startHeart } from './heart.ts';
import { Counters } from './observe/counters.ts';
import type { WorkerContext } from './proxy/context.ts';
import { Deadlines } from './proxy/deadlines.ts';
import { rehearse } from './rehearsal.ts';
import { Listeners } from './server/listeners.ts';

/** A drain that SIGTERM asks for ends after this: the next primary's workers serve already. */
const ORPHAN_DRAIN_MS = 30_000;
/** Of a plan under construction, while requests are in flight: a third of a millisecond. */
const ROUTES_PER_BUSY_TURN = 16;

/** Runs until the process ends. Reads WEIR_SEGMENT (path of the control segment) and WEIR_ROW (this worker's row). */
export async function startWorker(): Promise<void> {
  const path = process.env['WEIR_SEGMENT'];
  const row = Number(process.env['WEIR_ROW']);
  invariant(path !== undefined && Number.isInteger(row) && row > 0, 'a worker is started by the primary only');
  // node:cluster ends a worker whose primary is gone, unless it believes that it was told to leave
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;

  const segment = Segment.attach(path);
  segment.slots.claim(row, process.pid, processStartTicks(process.pid), 'worker');
  const worker = new Worker(segment, row);
  worker.listenToPrimary();
}

class Worker {
  readonly #segment: Segment;
  readonly #row: number;
  readonly #context: WorkerContext;
  readonly #epochs: Epochs;
  readonly #listeners: Listeners;
  readonly #stopHeart: () => void;
  /** keys that the plan under construction bound */
  #opened: string[] = [];
  #buildStartedMs = 0;
  /** messages of the primary, in order; the first `taken` are dealt with */
  #inbox: Uint8Array[] = [];
  #taken = 0;
  #ready = false;
  #logger: Logger | null = null;

  constructor(segment: Segment, row: number) {
    this.#segment = segment;
    this.#row = row;
    const ledger = segment.ledger(row);
    const counters = new Counters(segment, row);
    this.#context = { ledger, counters, deadlines: new Deadlines(), draining: false };
    this.#epochs = new Epochs(segment, ledger, counters);
    this.#listeners = new Listeners(this.#context, this.#epochs.arriving);
    this.#stopHeart = startHeart(segment.slots, row);
  }

  get #log(): Logger {
    this.#logger ??= createLogger('worker', this.#row);
    return this.#logger;
  }

  listenToPrimary(): void {
    process.on('message', (bytes: Uint8Array) => {
      this.#inbox.push(bytes);
      if (this.#inbox.length === 1) setImmediate(this.#takeMessage);
    });
    process.on('SIGTERM', () => void this.#drain(ORPHAN_DRAIN_MS, ORPHAN_DRAIN_MS));
    // Ctrl-C reaches the whole process group; the primary decides
    process.on('SIGINT', () => {});
    process.on('disconnect', () => this.#log.warn('the primary is gone; serving on with the plan in force'));
  }

  /**
   * One message a turn of the loop: a large plan arrives in one burst, and requests must have their turn between its
   * parts (without this they waited for 180 ms beside 10,000 routes).
   */
  readonly #takeMessage = (): void => {
    this.#receive(unpack<PrimaryMessage>(this.#inbox[this.#taken]!)).then(
      () => {
        this.#taken += 1;
        if (this.#taken < this.#inbox.length) {
          setImmediate(this.#takeMessage);
        } else {
          this.#inbox = [];
          this.#taken = 0;
        }
      },
      (error: Error) => {
        this.#log.fatal({ err: error }, 'worker cannot go on');
        process.exit(1);
      },
    );
  };

  async #receive(message: PrimaryMessage): Promise<void> {
    switch (message.type) {
      case 'plan_head':
        this.#buildStartedMs = performance.now();
        return this.#attempt(message.epoch, () => this.#epochs.begin(unpack<PlanHead>(message.head)));
      case 'plan_routes':
        return this.#addRoutes(message.epoch, unpackRoutes(message.routes));
      case 'plan_end':
        return this.#finishPlan(message.epoch);
      case 'plan_commit':
        return this.#commit();
      case 'plan_abort':
        this.#abandon();
        return;
      case 'drain':
        return this.#drain(message.timeoutMs, 0);
    }
  }

  /** All at once when nothing is being served; else a little in each turn, for a request needs several turns. */
  async #addRoutes(epoch: number, routes: RoutePlan[]): Promise<void> {
    for (let at = 0; at < routes.length; ) {
      const busy = this.#context.ledger.own(ITEM_REQUESTS) > 0;
      const upTo = busy ? at + ROUTES_PER_BUSY_TURN : routes.length;
      const slice = routes.slice(at, upTo);
      this.#attempt(epoch, () => this.#epochs.addRoutes(slice));
      at = upTo;
      if (busy && at < routes.length) await setImmediatePromise();
    }
  }

  #attempt(epoch: number, build: () => void): void {
    try {
      build();
    } catch (error) {
      this.#refuse(epoch, error as Error);
    }
  }

  #refuse(epoch: number, error: Error): void {
    this.#abandon();
    this.#log.error({ err: error, epoch }, 'plan refused');
    this.#send({ type: 'plan_refused', epoch, reason: error.message });
  }

  #abandon(): void {
    this.#epochs.forget();
    this.#listeners.close(this.#opened);
    this.#opened = [];
  }

  async #finishPlan(epoch: number): Promise<void> {
    const runtime = this.#epochs.finish(epoch);
    if (runtime === null) return;
    try {
      // the first plan is in force before its listeners are: the first connection may come at once
      if (this.#epochs.current === null) this.#epochs.switchOver();
      this.#opened = await this.#listeners.open(runtime.listeners);
    } catch (error) {
      return this.#refuse(epoch, error as Error);
    }
    this.#segment.slots.setEpochBuilt(this.#row, epoch);
    this.#send({ type: 'plan_built', epoch, tookMs: performance.now() - this.#buildStartedMs });
  }

  #commit(): void {
    this.#opened = [];
    this.#epochs.switchOver();
    this.#listeners.settle(this.#epochs.current!.listeners);
    if (this.#ready) return;
    this.#ready = true;
    this.#segment.slots.setState(this.#row, 'ready');
    this.#send({ type: 'ready' });
    rehearse(this.#epochs.rehearse);
  }

  /** @param idleGraceMs how long idle connections may still send a request: long on a hand-over, none on a shutdown */
  async #drain(timeoutMs: number, idleGraceMs: number): Promise<void> {
    if (this.#context.draining) return;
    this.#context.draining = true;
    this.#segment.slots.setState(this.#row, 'draining');
    setTimeout(() => {
      this.#log.warn({ timeoutMs }, 'drain timed out; connections are cut');
      process.exit(0);
    }, timeoutMs).unref();
    await this.#listeners.drain(idleGraceMs);
    this.#stopHeart();
    process.exit(0);
  }

  #send(message: WorkerMessage): void {
    // an orphan has nobody to tell
    if (process.connected) process.send?.(pack(message));
  }
}
