// The HTTP/1.1 front on one address: accepts connections, counts them over the host, keeps their deadlines by one
// sweep, and turns requests into exchanges.
import { createServer, type Server, type Socket } from 'node:net';
import { monotonicMs } from '../../shared/clock.ts';
import { failure, type Reason } from '../../shared/errors.ts';
import { ITEM_CONNECTIONS } from '../../shared/memory/layout.ts';
import { NO_ROUTE_LABEL } from '../../shared/metrics.ts';
import type { ListenerPlan } from '../../shared/plan.ts';
import type { WorkerContext } from '../proxy/context.ts';
import { Exchange } from '../proxy/exchange.ts';
import type { Front } from '../proxy/front.ts';
import { rawProblem } from '../proxy/problem.ts';
import { requestId } from '../proxy/request-id.ts';
import type { Runtime } from '../proxy/runtime.ts';
import { Connection, type ConnectionOwner } from './connection.ts';

/** Gives the runtime that a request arriving now belongs to. */
export type CurrentRuntime = () => Runtime;

const BACKLOG = 4096;
/** Deadlines of heads and of idle connections come up to twice this late, and never early: their beginning is a sweep's. */
const SWEEP_MS = 500;

export class Http1Server implements ConnectionOwner {
  nowMs = monotonicMs();
  keepAliveSeconds = 0;
  readonly #worker: WorkerContext;
  readonly #current: CurrentRuntime;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #sweeper: NodeJS.Timeout | null = null;
  #leaving = false;
  #onEmpty: (() => void) | null = null;

  constructor(worker: WorkerContext, current: CurrentRuntime) {
    this.#worker = worker;
    this.#current = current;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.applyLimits();
  }

  /**
   * Binds with SO_REUSEPORT: every worker has its own queue of connections, and the kernel spreads them evenly.
   * @throws Error naming the address
   */
  listen(plan: ListenerPlan): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void =>
        reject(new Error(`cannot listen on ${plan.key}: ${error.code}`));
      this.#server.once('error', failed);
      const address = { host: plan.host, port: plan.port, backlog: BACKLOG, exclusive: true, reusePort: true };
      this.#server.listen(address, () => {
        this.#server.off('error', failed);
        this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
        resolve();
      });
    });
  }

  /** Takes what a reload may change; connections that are open take it with their next request. */
  applyLimits(): void {
    this.keepAliveSeconds = Math.max(1, Math.floor(this.#current().limits.idleTimeoutMs / 1000) - 1);
  }

  get leaving(): boolean {
    return this.#leaving || this.#worker.draining;
  }

  /**
   * Stops accepting. Connections end with their next answer, which says so; those that stay idle are closed after
   * `idleGraceMs`, since a client may be sending a request at this very moment. Resolves when the last one is gone.
   */
  leave(idleGraceMs: number): Promise<void> {
    this.#leaving = true;
    // Closing a SO_REUSEPORT socket resets what waits in its queue to be accepted (unless tcp_migrate_req is set): it is
    // closed right after a turn of the loop has emptied the queue.
    setImmediate(() => setImmediate(() => this.#server.close()));
    const timer = setTimeout(() => this.#closeIdle(), idleGraceMs);
    return new Promise((resolve) => {
      this.#onEmpty = () => {
        clearTimeout(timer);
        if (this.#sweeper !== null) clearInterval(this.#sweeper);
        resolve();
      };
      if (this.#connections.size === 0) this.#onEmpty();
    });
  }

  #closeIdle(): void {
    for (const connection of this.#connections) if (connection.idle) connection.close();
  }

  // ── connections ────────────────────────────────────────────────────────────────────────────────────────────────

  #accept(socket: Socket): void {
    const { limits } = this.#current();
    if (!this.#worker.ledger.tryRaise(ITEM_CONNECTIONS, limits.maxConnections)) {
      // above the host's limit: told so and closed, without reading anything
      this.refused('overloaded');
      socket.on('error', () => {});
      socket.end(rawProblem('overloaded', requestId(null, false)), 'latin1', () => socket.destroy());
      return;
    }
    this.#connections.add(new Connection(socket, this, limits.maxHeaderBytes, this.nowMs));
  }

  request(front: Front): void {
    new Exchange(front, this.#worker, this.#current()).begin();
  }

  refused(reason: Reason): void {
    const counters = this.#worker.counters.route(NO_ROUTE_LABEL);
    counters.finished('OTHER', failure(reason).status, 0);
    counters.failed(reason);
  }

  closed(connection: Connection): void {
    this.#worker.ledger.lower(ITEM_CONNECTIONS);
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #sweep(): void {
    this.nowMs = monotonicMs();
    const { headerTimeoutMs, idleTimeoutMs } = this.#current().limits;
    for (const connection of this.#connections) {
      const { headSinceMs } = connection;
      if (headSinceMs > 0) {
        if (this.nowMs - headSinceMs > headerTimeoutMs + SWEEP_MS) connection.timeOut();
      } else if (connection.idle) {
        // one that never sent a request has the time of a head, not that of a keep-alive
        const allowedMs = connection.served === 0 ? headerTimeoutMs : idleTimeoutMs;
        if (this.nowMs - connection.idleSinceMs > allowedMs + SWEEP_MS) connection.close();
      }
    }
  }
}
