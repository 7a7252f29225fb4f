// One plan, built: what a request that arrives under it is served with. Immutable once in force; an exchange pins the
// runtime that it arrived in, and a retired runtime lets its endpoints go when its last exchange has ended.
import type { LimitsPlan, ListenerPlan, RoutePlan } from '../../shared/plan.ts';
import type { RouteCounters } from '../observe/counters.ts';
import type { RequestStep, ResponseStep } from '../policies/policy.ts';
import type { Router } from '../route/router.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { TrustedProxies } from './forwarded.ts';

/** A route as the exchange uses it: everything resolved, nothing looked up by name. */
export interface RouteRuntime {
  readonly plan: RoutePlan;
  readonly counters: RouteCounters;
  readonly requestSteps: readonly RequestStep[];
  readonly responseSteps: readonly ResponseStep[];
  /** null: a policy answers every request */
  readonly split: Split | null;
}

/** Chooses an upstream by weight. */
export class Split {
  readonly #upstreams: readonly Upstream[];
  /** running sums of the weights */
  readonly #bounds: readonly number[];

  constructor(targets: readonly { upstream: Upstream; weight: number }[]) {
    this.#upstreams = targets.map((target) => target.upstream);
    let sum = 0;
    this.#bounds = targets.map((target) => (sum += target.weight));
  }

  choose(): Upstream {
    if (this.#upstreams.length === 1) return this.#upstreams[0]!;
    const at = Math.random() * this.#bounds.at(-1)!;
    for (let index = 0; index < this.#bounds.length; index++) {
      if (at < this.#bounds[index]!) return this.#upstreams[index]!;
    }
    return this.#upstreams.at(-1)!;
  }
}

export class Runtime {
  readonly epoch: number;
  readonly limits: LimitsPlan;
  readonly listeners: readonly ListenerPlan[];
  readonly trusted: TrustedProxies;
  readonly router: Router<RouteRuntime>;
  readonly upstreams: readonly Upstream[];
  #exchanges = 0;
  /** endpoints that the next plan no longer has; null while this runtime is in force */
  #leaving: readonly Endpoint[] | null = null;

  constructor(parts: Pick<Runtime, 'epoch' | 'limits' | 'listeners' | 'trusted' | 'router' | 'upstreams'>) {
    this.epoch = parts.epoch;
    this.limits = parts.limits;
    this.listeners = parts.listeners;
    this.trusted = parts.trusted;
    this.router = parts.router;
    this.upstreams = parts.upstreams;
  }

  enter(): void {
    this.#exchanges += 1;
  }

  leave(): void {
    this.#exchanges -= 1;
    if (this.#exchanges === 0 && this.#leaving !== null) this.#letGo();
  }

  /** The next plan is in force: `leaving` close as soon as no exchange of this one can still pick them. */
  retire(leaving: readonly Endpoint[]): void {
    this.#leaving = leaving;
    if (this.#exchanges === 0) this.#letGo();
  }

  #letGo(): void {
    for (const endpoint of this.#leaving!) endpoint.close();
    this.#leaving = [];
  }
}
