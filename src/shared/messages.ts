// Everything that primary and workers say to each other over the cluster channel, as one typed table. Rare by design:
// what changes often lives in the control segment. The bytes are msgpack, `useRecords: false` because record
// definitions of one process mean nothing in another.
import { Packr } from 'msgpackr';
import type { PathKind, PlanHead, PolicyPlan, RoutePlan } from './plan.ts';

export type PrimaryMessage =
  /** phase one: a new plan follows. `head` and each part are packed on their own, so that they are packed once for all workers */
  | { type: 'plan_head'; epoch: number; head: Uint8Array }
  | { type: 'plan_routes'; epoch: number; routes: Uint8Array }
  | { type: 'plan_end'; epoch: number }
  /** phase two: the epoch word has been flipped; let the old plan go */
  | { type: 'plan_commit'; epoch: number }
  /** some worker refused: forget the plan that was built */
  | { type: 'plan_abort'; epoch: number }
  /** stop accepting, finish what is in flight, exit */
  | { type: 'drain'; timeoutMs: number };

export type WorkerMessage =
  /** first of all, once the worker listens to this channel: what came before would be lost. Answered with the plan in force. */
  | { type: 'hello' }
  /** listening on every address of the first plan */
  | { type: 'ready' }
  | { type: 'plan_built'; epoch: number; tookMs: number }
  | { type: 'plan_refused'; epoch: number; reason: string };

const packr = new Packr({ useRecords: false });

export function pack(value: PrimaryMessage | WorkerMessage | PlanHead): Uint8Array {
  return packr.pack(value);
}

/** Throws on bytes that are not msgpack; both ends are ours, so that is a broken invariant. */
export function unpack<T extends PrimaryMessage | WorkerMessage | PlanHead>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

/** A route as a row: without its keys, ten thousand of them are read in half the time. Fields as in RoutePlan, in order. */
type RouteRow = [
  id: string,
  tier: number,
  hosts: string[],
  pathKind: PathKind,
  path: string,
  methods: string[] | null,
  headers: [string, string][],
  query: [string, string][],
  priority: number,
  /** upstream, weight, upstream, weight… */
  targets: number[],
  timeoutMs: number,
  policies: PolicyPlan[],
  allowEncodedSlashes: boolean,
];

export function packRoutes(routes: readonly RoutePlan[]): Uint8Array {
  return packr.pack(
    routes.map(
      (route): RouteRow => [
        route.id,
        route.tier,
        route.hosts,
        route.pathKind,
        route.path,
        route.methods,
        route.headers,
        route.query,
        route.priority,
        route.targets.flatMap(({ upstream, weight }) => [upstream, weight]),
        route.timeoutMs,
        route.policies,
        route.allowEncodedSlashes,
      ],
    ),
  );
}

export function unpackRoutes(bytes: Uint8Array): RoutePlan[] {
  return (packr.unpack(bytes) as RouteRow[]).map(
    ([id, tier, hosts, pathKind, path, methods, headers, query, priority, numbers, timeoutMs, policies, slashes]) => {
      const targets = [];
      for (let at = 0; at < numbers.length; at += 2) targets.push({ upstream: numbers[at]!, weight: numbers[at + 1]! });
      return {
        id,
        tier,
        hosts,
        pathKind,
        path,
        methods,
        headers,
        query,
        priority,
        targets,
        timeoutMs,
        policies,
        allowEncodedSlashes: slashes,
      };
    },
  );
}
