// A named upstream in one plan: its gate, its endpoints, its balancer. Built by the plan builder, asked by the
// exchange. The gate and the endpoints are carried over from the plan before where their identity is unchanged.
import type { Ledger } from '../../shared/memory/ledger.ts';
import type { UpstreamPlan } from '../../shared/plan.ts';
import { type Balancer, createBalancer } from './balance.ts';
import type { Endpoint } from './endpoint.ts';
import { Gate } from './gate.ts';

export class Upstream {
  readonly plan: UpstreamPlan;
  readonly name: string;
  readonly gate: Gate;
  readonly endpoints: readonly Endpoint[];
  readonly retryMethods: ReadonlySet<string>;
  /** absolute index of the histogram `upstream_request_duration_seconds` of this upstream */
  readonly durationCell: number;
  readonly #balancer: Balancer;

  constructor(
    plan: UpstreamPlan,
    endpoints: Endpoint[],
    ledger: Ledger,
    before: Upstream | null,
    durationCell: number,
  ) {
    this.plan = plan;
    this.name = plan.name;
    this.endpoints = endpoints;
    this.retryMethods = new Set(plan.retryMethods);
    this.durationCell = durationCell;
    this.#balancer = createBalancer(plan.balance);
    const cap = plan.maxConcurrentRequests;
    // one queue per upstream and worker, whatever the plan: those who wait in it must not be overtaken after a reload
    this.gate = before?.gate ?? new Gate(ledger, plan, cap, plan.queueMax);
  }

  /** The plan is in force: its limits become the gate's, its weights the endpoints'. */
  enforce(): void {
    this.gate.resize(this.plan.maxConcurrentRequests, this.plan.queueMax);
    for (let at = 0; at < this.endpoints.length; at++) {
      // carried over with its sockets: the weight that it was made with may be an older plan's
      this.endpoints[at]!.weight = this.plan.endpoints[at]!.weight;
      this.endpoints[at]!.backup = this.plan.endpoints[at]!.backup;
    }
  }

  /**
   * The endpoint for the next attempt, or null when none may be used. Backups only when no other is left.
   * @param tried endpoints that this exchange has already failed on; null at the first attempt
   */
  pick(tried: readonly Endpoint[] | null): Endpoint | null {
    if (this.endpoints.length === 1) {
      const only = this.endpoints[0]!;
      return only.usable() && (tried === null || !tried.includes(only)) ? only : null;
    }
    return this.#pickAmong(false, tried) ?? this.#pickAmong(true, tried);
  }

  #pickAmong(backup: boolean, tried: readonly Endpoint[] | null): Endpoint | null {
    scratch.length = 0;
    for (const endpoint of this.endpoints) {
      if (endpoint.backup === backup && endpoint.usable() && (tried === null || !tried.includes(endpoint))) {
        scratch.push(endpoint);
      }
    }
    if (scratch.length === 0) return null;
    return scratch.length === 1 ? scratch[0]! : this.#balancer.choose(scratch);
  }
}

/** Reused by every pick: the choice is synchronous and no balancer keeps the list. */
const scratch: Endpoint[] = [];
