// The compiled configuration as it travels from the primary to the workers: plain data that msgpackr can carry, every
// default filled, every duration in milliseconds, every size in bytes, every reference resolved to a number. The
// primary makes it (src/primary/compile), workers build their runtime from it (src/worker/plan). Nothing in here is
// read per request.

/** Everything but the routes; small, sent first. Routes follow in parts of at most ROUTES_PER_PART. */
export interface PlanHead {
  /** counts up by one with each published plan; what `config_epoch` shows */
  epoch: number;
  /** first 16 hex digits of the SHA-256 of the source text after substitution: tells two plans apart in logs */
  hash: string;
  listeners: ListenerPlan[];
  limits: LimitsPlan;
  /** CIDR blocks whose X-Forwarded-* are believed */
  trustedProxies: string[];
  /** a route's `targets[].upstream` is an index into this */
  upstreams: UpstreamPlan[];
  routeCount: number;
}

/** A worker builds this many routes between two turns of its loop: about 1 ms, 3 in cold code, so no request waits for a reload. */
export const ROUTES_PER_PART = 64;

export interface ListenerPlan {
  /** identity: `host:port` as configured. A listener whose key is in the new plan too is not touched by a reload. */
  key: string;
  host: string;
  /** resolved: never 0 in a plan that workers see */
  port: number;
}

export interface LimitsPlan {
  maxHeaderBytes: number;
  maxHeaders: number;
  maxBodyBytes: number;
  headerTimeoutMs: number;
  idleTimeoutMs: number;
  /** over the whole host */
  maxConnections: number;
}

export type Balance = 'p2c' | 'round_robin' | 'least_request' | 'consistent_hash';

export interface UpstreamPlan {
  name: string;
  /** ledger item that counts requests in flight; resolved by the primary against the segment */
  item: number;
  /** ledger item that counts requests waiting in the queue */
  waitingItem: number;
  /** ledger item whose cells say since when each worker's first in line waits */
  eldestItem: number;
  endpoints: EndpointPlan[];
  balance: Balance;
  /** in flight over the whole host; 0 = no cap */
  maxConcurrentRequests: number;
  queueMax: number;
  queueTimeoutMs: number;
  connectTimeoutMs: number;
  preserveHost: boolean;
  retryAttempts: number;
  retryMethods: string[];
}

export interface EndpointPlan {
  /** `http://10.0.1.45:8080`: scheme, host, port, nothing more */
  origin: string;
  /** `10.0.1.45:8080`: the Host field, and the `endpoint` label */
  authority: string;
  tls: boolean;
  weight: number;
  backup: boolean;
  /** ledger item that counts this endpoint's requests in flight over the host */
  item: number;
  /** identity of the pool: upstream, origin and everything that shapes a connection. Same key = the sockets are kept. */
  poolKey: string;
}

export type PathKind = 'exact' | 'template' | 'prefix' | 'regex';

export interface RoutePlan {
  id: string;
  /** routes of equal precedence share a number; counts up with the rank */
  tier: number;
  /** lower case, no port; `*.example.com` for a wildcard; empty = any host */
  hosts: string[];
  pathKind: PathKind;
  /** exact: `/users`; template: `/users/{id}`; prefix: `/users` (no trailing slash, `/` = everything); regex: source */
  path: string;
  /** upper case; null = all */
  methods: string[] | null;
  /** [lower-case name, exact value] pairs that must all be present */
  headers: [string, string][];
  /** [name, value] pairs that must all be present in the query */
  query: [string, string][];
  priority: number;
  targets: RouteTarget[];
  timeoutMs: number;
  /** in the order of the policy catalogue */
  policies: PolicyPlan[];
  /** `%2F` and `%5C` are let through instead of refused */
  allowEncodedSlashes: boolean;
}

export interface RouteTarget {
  /** index into PlanHead.upstreams */
  upstream: number;
  weight: number;
}

export interface PolicyPlan {
  name: string;
  options: unknown;
}
