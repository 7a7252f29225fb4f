// The worker's side of a reload. A plan arrives in parts between two turns of the loop, is built beside the one in
// force, and takes over when the primary flips the epoch word; requests notice the flip by themselves. Pools whose key
// is unchanged are carried over with their open sockets.
//
//   plan_head → begin ─ plan_routes* → addRoutes ─ plan_end → finish ──plan_built──▶ (epoch flips) → switchOver
//                                                        └─plan_refused / plan_abort → forget
import type { Ledger } from '../shared/memory/ledger.ts';
import type { Segment } from '../shared/memory/segment.ts';
import type { EndpointPlan, PlanHead, RoutePlan, UpstreamPlan } from '../shared/plan.ts';
import type { Counters } from './observe/counters.ts';
import { findPolicy } from './policies/catalogue.ts';
import type { RequestStep, ResponseStep } from './policies/policy.ts';
import { TrustedProxies } from './proxy/forwarded.ts';
import { type RouteRuntime, Runtime, Split } from './proxy/runtime.ts';
import { Router } from './route/router.ts';
import { Endpoint } from './upstream/endpoint.ts';
import { Upstream } from './upstream/upstream.ts';

/** Shared by all routes without such steps. */
const NO_STEPS: readonly never[] = [];

interface Building {
  readonly head: PlanHead;
  readonly router: Router<RouteRuntime>;
  readonly upstreams: Upstream[];
  /** by pool key: every endpoint that the plan uses, carried over or new */
  readonly endpoints: Map<string, Endpoint>;
}

export class Epochs {
  readonly #segment: Segment;
  readonly #ledger: Ledger;
  readonly #counters: Counters;
  #building: Building | null = null;
  #rehearsal: Router<RouteRuntime> | null = null;
  /** built and acknowledged, waiting for the flip */
  #next: { runtime: Runtime; endpoints: Map<string, Endpoint> } | null = null;
  #current: Runtime | null = null;
  /** of the plan in force, by pool key and by name */
  #endpoints = new Map<string, Endpoint>();
  #upstreams = new Map<string, Upstream>();

  constructor(segment: Segment, ledger: Ledger, counters: Counters) {
    this.#segment = segment;
    this.#ledger = ledger;
    this.#counters = counters;
  }

  begin(head: PlanHead): void {
    this.#rehearsal = null;
    this.forget();
    const endpoints = new Map<string, Endpoint>();
    const upstreams = head.upstreams.map((plan) => this.#upstream(plan, endpoints));
    this.#building = { head, router: new Router(), upstreams, endpoints };
  }

  /** At most ROUTES_PER_PART of them: about a millisecond. */
  addRoutes(routes: readonly RoutePlan[]): void {
    const building = this.#building;
    if (building === null) return;
    for (const route of routes) building.router.add(route, this.#route(route, building.upstreams));
  }

  /** Builds routes into a plan of their own that is thrown away when the first real one arrives. */
  readonly rehearse = (routes: readonly RoutePlan[]): void => {
    if (this.#building !== null || this.#next !== null) return;
    this.#rehearsal ??= new Router();
    for (const route of routes) this.#rehearsal.add(route, this.#route(route, []));
  };

  /** @returns the runtime, ready to take over, or null when the plan was forgotten meanwhile */
  finish(epoch: number): Runtime | null {
    const building = this.#building;
    if (building === null || building.head.epoch !== epoch) return null;
    const { head, router, upstreams, endpoints } = building;
    const trusted = new TrustedProxies(head.trustedProxies);
    const runtime = new Runtime({ epoch, limits: head.limits, listeners: head.listeners, trusted, router, upstreams });
    this.#next = { runtime, endpoints };
    this.#building = null;
    return runtime;
  }

  /** The plan will not come into force: its new pools close, what was carried over stays. */
  forget(): void {
    const abandoned = this.#building?.endpoints ?? this.#next?.endpoints;
    this.#building = null;
    this.#next = null;
    if (abandoned === undefined) return;
    for (const [key, endpoint] of abandoned) if (this.#endpoints.get(key) !== endpoint) endpoint.close();
  }

  get current(): Runtime | null {
    return this.#current;
  }

  /** The runtime that a request arriving now belongs to: one atomic load, unless the epoch has just been flipped. */
  readonly arriving = (): Runtime => {
    if (this.#next !== null && this.#segment.epoch() === this.#next.runtime.epoch) this.switchOver();
    return this.#current!;
  };

  /** Puts the built plan in force; called by whoever notices the flip first. */
  switchOver(): void {
    if (this.#next === null) return;
    const before = this.#current;
    const leaving = [...this.#endpoints]
      .filter(([key]) => !this.#next!.endpoints.has(key))
      .map(([, endpoint]) => endpoint);
    this.#current = this.#next.runtime;
    this.#endpoints = this.#next.endpoints;
    this.#next = null;
    this.#upstreams = new Map(this.#current.upstreams.map((upstream) => [upstream.name, upstream]));
    for (const upstream of this.#current.upstreams) upstream.enforce();
    before?.retire(leaving);
  }

  #upstream(plan: UpstreamPlan, endpoints: Map<string, Endpoint>): Upstream {
    const before = this.#upstreams.get(plan.name) ?? null;
    const own = plan.endpoints.map((endpoint) => this.#endpoint(endpoint, plan.connectTimeoutMs, endpoints));
    return new Upstream(plan, own, this.#ledger, before, this.#counters.upstreamDuration(plan.name));
  }

  #endpoint(plan: EndpointPlan, connectTimeoutMs: number, endpoints: Map<string, Endpoint>): Endpoint {
    const known = endpoints.get(plan.poolKey) ?? this.#endpoints.get(plan.poolKey);
    const endpoint = known ?? new Endpoint(plan, connectTimeoutMs, this.#ledger);
    endpoints.set(plan.poolKey, endpoint);
    return endpoint;
  }

  #route(plan: RoutePlan, upstreams: readonly Upstream[]): RouteRuntime {
    let requestSteps: readonly RequestStep[] = NO_STEPS;
    let responseSteps: readonly ResponseStep[] = NO_STEPS;
    for (const { name, options } of plan.policies) {
      const policy = findPolicy(name);
      if (policy === null) throw new Error(`route ${plan.id}: this worker does not know the policy "${name}"`);
      const { request, response } = policy.compile(options, plan);
      if (request !== null) requestSteps = [...requestSteps, request];
      if (response !== null) responseSteps = [...responseSteps, response];
    }
    const targets = plan.targets.map(({ upstream, weight }) => ({ upstream: upstreams[upstream]!, weight }));
    const split = targets.length === 0 ? null : new Split(targets);
    return { plan, counters: this.#counters.route(plan.id), requestSteps, responseSteps, split };
  }
}
