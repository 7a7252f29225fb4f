// One endpoint of an upstream as this worker sees it: its undici Pool and its column in the host's ledger. Endpoints
// outlive plans: a reload that leaves the pool key unchanged keeps the object and its open sockets.
import type { Dispatcher } from 'undici';
import type { Ledger } from '../../shared/memory/ledger.ts';
import type { EndpointPlan } from '../../shared/plan.ts';
import { createPool } from './pool.ts';

export class Endpoint {
  readonly plan: EndpointPlan;
  /** mutable: a reload may change the weight and keep the sockets */
  weight: number;
  backup: boolean;
  /** round robin's state */
  credit: number;
  readonly #ledger: Ledger;
  readonly #item: number;
  readonly #connectTimeoutMs: number;
  #pool: Dispatcher | null = null;
  #closed = false;

  constructor(plan: EndpointPlan, connectTimeoutMs: number, ledger: Ledger) {
    this.plan = plan;
    this.weight = plan.weight;
    this.backup = plan.backup;
    this.credit = Math.random() * plan.weight;
    this.#ledger = ledger;
    this.#item = plan.item;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** Made on first use: a plan with a thousand endpoints must not stall the loop when it is built. */
  get pool(): Dispatcher {
    this.#pool ??= createPool(this.plan.origin, this.#connectTimeoutMs);
    return this.#pool;
  }

  /** The one place that answers "may this endpoint be used now?". */
  usable(): boolean {
    return this.weight > 0;
  }

  /** Requests in flight over all workers of the host. */
  inFlight(): number {
    return this.#ledger.sum(this.#item);
  }

  begin(): void {
    this.#ledger.raise(this.#item);
  }

  end(): void {
    this.#ledger.lower(this.#item);
  }

  /** Lets running requests finish, then closes the sockets. No exchange may pick it any more. */
  close(): void {
    const pool = this.#pool;
    if (pool === null || this.#closed) return;
    this.#closed = true;
    pool.close().catch(() => pool.destroy());
  }
}
