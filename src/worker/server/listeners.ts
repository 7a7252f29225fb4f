// The addresses that a worker listens on, by the listener's key: opened and closed as plans come and go. Every worker
// binds each address itself, so none of them hangs on the primary's life (measured: 64 keep-alive connections over 4
// workers 15/19/18/13, against 9/7/27/22 for node:cluster's shared handle).
import type { ListenerPlan } from '../../shared/plan.ts';
import type { WorkerContext } from '../proxy/context.ts';
import { type CurrentRuntime, Http1Server } from './http1.ts';

/** Idle connections of a listener that a reload took away may still send one request for so long. */
const REMOVED_IDLE_GRACE_MS = 1000;

export class Listeners {
  readonly #worker: WorkerContext;
  readonly #current: CurrentRuntime;
  readonly #servers = new Map<string, Http1Server>();
  /** those that are closing */
  readonly #leaving = new Set<Promise<void>>();

  constructor(worker: WorkerContext, current: CurrentRuntime) {
    this.#worker = worker;
    this.#current = current;
  }

  /**
   * Binds those of `plans` that are not bound yet.
   * @returns keys bound by this call, to be closed again when the plan is not taken
   * @throws Error naming the address when one cannot be bound; the others of this call are closed again
   */
  async open(plans: readonly ListenerPlan[]): Promise<string[]> {
    const opened: string[] = [];
    try {
      for (const plan of plans) {
        if (this.#servers.has(plan.key)) continue;
        const server = new Http1Server(this.#worker, this.#current);
        await server.listen(plan);
        this.#servers.set(plan.key, server);
        opened.push(plan.key);
      }
    } catch (error) {
      this.close(opened);
      throw error;
    }
    return opened;
  }

  /** The plan is in force: listeners that it does not have stop accepting, the others take its limits. */
  settle(plans: readonly ListenerPlan[]): void {
    const kept = new Set(plans.map((plan) => plan.key));
    this.close([...this.#servers.keys()].filter((key) => !kept.has(key)));
    for (const server of this.#servers.values()) server.applyLimits();
  }

  close(keys: readonly string[]): void {
    for (const key of keys) {
      const server = this.#servers.get(key);
      this.#servers.delete(key);
      if (server !== undefined) this.#leave(server, REMOVED_IDLE_GRACE_MS);
    }
  }

  /** Stops accepting everywhere and resolves when the last connection is gone. */
  async drain(idleGraceMs: number): Promise<void> {
    for (const server of this.#servers.values()) this.#leave(server, idleGraceMs);
    this.#servers.clear();
    await Promise.all(this.#leaving);
  }

  #leave(server: Http1Server, idleGraceMs: number): void {
    const left = server.leave(idleGraceMs).then(() => {
      this.#leaving.delete(left);
    });
    this.#leaving.add(left);
  }
}
