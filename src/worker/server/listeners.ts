// The sockets that a worker listens on, by the listener's key. Every worker binds each address itself with
// SO_REUSEPORT, so the kernel spreads connections evenly and none of them hangs on the primary's life (measured: 64
// keep-alive connections over 4 workers 15/19/18/13, against 9/7/27/22 for node:cluster's shared handle).
import { Server as NetServer } from 'node:net';
import type { ListenerPlan } from '../../shared/plan.ts';
import type { WorkerContext } from '../proxy/context.ts';
import { applyLimits, type CurrentRuntime, createHttp1Server, type Http1Server } from './http1.ts';

const BACKLOG = 4096;

export class Listeners {
  readonly #worker: WorkerContext;
  readonly #current: CurrentRuntime;
  readonly #servers = new Map<string, Http1Server>();

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
        this.#servers.set(plan.key, await this.#listen(plan));
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
    for (const server of this.#servers.values()) applyLimits(server, this.#current().limits);
  }

  /** Stops accepting; requests in flight go on, idle connections end. */
  close(keys: readonly string[]): void {
    for (const key of keys) {
      this.#servers.get(key)?.close();
      this.#servers.delete(key);
    }
  }

  /**
   * Stops accepting everywhere. Connections end with their next answer, which says `Connection: close`; a client that
   * is idle meanwhile must not lose the request that it is just sending. Resolves when the last connection is gone.
   * @param idleGraceMs after this the idle ones are closed all the same
   */
  async drain(idleGraceMs: number): Promise<void> {
    const closed = [...this.#servers.values()].map(
      (server) =>
        new Promise<void>((resolve) => {
          // http.Server.close() would close idle connections at once; the net.Server beneath it only stops accepting
          stopAccepting(server, resolve);
        }),
    );
    const timer = setTimeout(() => this.#closeIdle(), idleGraceMs);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  #closeIdle(): void {
    for (const server of this.#servers.values()) server.closeIdleConnections();
  }

  #listen(plan: ListenerPlan): Promise<Http1Server> {
    const server = createHttp1Server(this.#worker, this.#current);
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void =>
        reject(new Error(`cannot listen on ${plan.key}: ${error.code}`));
      server.once('error', failed);
      const address = { host: plan.host, port: plan.port, backlog: BACKLOG, exclusive: true, reusePort: true };
      server.listen(address, () => {
        server.off('error', failed);
        resolve(server);
      });
    });
  }
}

function stopAccepting(server: Http1Server, done: () => void): void {
  NetServer.prototype.close.call(server, () => done());
}
