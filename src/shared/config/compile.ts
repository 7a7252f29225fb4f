// From a checked configuration to the plan that travels to the workers: references become indices, every option a
// plain number or string, routes are sorted. Called by the primary, in a thread when the configuration is large.
import { availableParallelism } from 'node:os';
import type { EndpointPlan, PlanHead, PolicyPlan, RoutePlan, RouteTarget, UpstreamPlan } from '../plan.ts';
import { splitAddress } from './listeners.ts';
import { matchOf } from './match.ts';
import { POLICY_ORDER } from './policies.ts';
import { rankRoutes } from './precedence.ts';
import type { Route } from './routes.ts';
import type { Config } from './schema.ts';
import type { Upstream } from './upstreams.ts';

export interface Compiled {
  /** epoch 0, every ledger item -1, a listener's port as configured: the primary fills them in */
  head: PlanHead;
  /** strongest first: the index is the rank */
  routes: RoutePlan[];
  admin: { host: string; port: number; token: string | null };
  /** resolved: `auto` is the number of CPUs that this process may use */
  workers: number;
}

/** @param config from a Loaded that is ok; what its checks have refused may compile to nonsense */
export function compile(config: Config, hash: string): Compiled {
  const names = Object.keys(config.upstreams);
  const index = new Map(names.map((name, at) => [name, at]));
  const routes = config.routes.map((route) => routePlan(route, index));
  return {
    head: {
      epoch: 0,
      hash,
      listeners: config.listeners.map(({ address }) => ({ key: address, ...splitAddress(address) })),
      limits: {
        maxHeaderBytes: config.limits.max_header_bytes,
        maxHeaders: config.limits.max_headers,
        maxBodyBytes: config.limits.max_body_bytes,
        headerTimeoutMs: config.limits.header_timeout,
        idleTimeoutMs: config.limits.idle_timeout,
        maxConnections: config.limits.max_connections,
      },
      trustedProxies: config.trusted_proxies,
      upstreams: Object.entries(config.upstreams).map(([name, upstream]) => upstreamPlan(name, upstream)),
      routeCount: routes.length,
    },
    routes: rankRoutes(routes),
    admin: { ...splitAddress(config.admin.address), token: config.admin.token ?? null },
    workers: config.workers === 'auto' ? availableParallelism() : config.workers,
  };
}

function routePlan(route: Route, upstreams: Map<string, number>): RoutePlan {
  return {
    id: route.id,
    tier: 0,
    ...matchOf(route),
    targets: targetsOf(route, upstreams),
    timeoutMs: route.timeout,
    policies: policiesOf(route),
    allowEncodedSlashes: route.allow_encoded_slashes,
  };
}

/** Shares of weight 0 are left out: they would never be picked. */
function targetsOf(route: Route, upstreams: Map<string, number>): RouteTarget[] {
  const shares = route.split ?? (route.upstream === undefined ? [] : [{ upstream: route.upstream, weight: 1 }]);
  return shares
    .filter(({ weight }) => weight > 0)
    .map(({ upstream, weight }) => ({ upstream: upstreams.get(upstream) ?? -1, weight }));
}

function policiesOf(route: Route): PolicyPlan[] {
  const plans: PolicyPlan[] = [];
  for (const name of POLICY_ORDER) {
    const options = route.policies[name];
    if (options !== undefined) plans.push({ name, options });
  }
  return plans;
}

function upstreamPlan(name: string, upstream: Upstream): UpstreamPlan {
  return {
    name,
    item: -1,
    waitingItem: -1,
    eldestItem: -1,
    endpoints: upstream.endpoints.map((endpoint) => endpointPlan(name, upstream, endpoint)),
    balance: upstream.balance,
    maxConcurrentRequests: upstream.max_concurrent_requests ?? 0,
    queueMax: upstream.queue.max,
    queueTimeoutMs: upstream.queue.timeout,
    connectTimeoutMs: upstream.connect_timeout,
    preserveHost: upstream.preserve_host,
    retryAttempts: upstream.retry.attempts,
    retryMethods: upstream.retry.methods,
  };
}

function endpointPlan(name: string, upstream: Upstream, endpoint: Upstream['endpoints'][number]): EndpointPlan {
  return {
    origin: endpoint.url,
    authority: endpoint.url.slice(endpoint.url.indexOf('//') + 2),
    tls: endpoint.url.startsWith('https:'),
    weight: endpoint.weight,
    backup: endpoint.backup,
    item: -1,
    poolKey: poolKey(name, upstream, endpoint.url),
  };
}

/** Changes exactly when sockets that are open would be the wrong ones. */
function poolKey(name: string, upstream: Upstream, origin: string): string {
  return `${name} ${origin} connect_timeout=${upstream.connect_timeout}`;
}
