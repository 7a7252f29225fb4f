// What the admin interface shows under /api: plain data read from the segment and the plan in force at the moment of
// the question. No worker is asked. Called by routes.ts.
import { monotonicMs } from '../../shared/clock.ts';
import type { Segment } from '../../shared/memory/segment.ts';
import { unpackRoutes } from '../../shared/messages.ts';
import type { PlanHead } from '../../shared/plan.ts';
import type { ReloadResult } from '../reload/reloader.ts';
import type { WorkerView } from '../supervisor.ts';

/** What the primary lets the admin interface see. */
export interface Host {
  readonly version: string;
  readonly configFile: string;
  /** monotonicMs of the primary's start */
  readonly startedMs: number;
  readonly segment: Segment;
  /** the plan in force, its routes still packed */
  plan(): { head: PlanHead; parts: readonly Uint8Array[]; configJson: () => Promise<string> };
  workers(): WorkerView[];
  /** pids of an earlier primary's workers that still serve */
  orphans(): number[];
  draining(): boolean;
  lastReload(): ReloadResult | null;
}

export function stateView(host: Host): object {
  const { segment, version, configFile, startedMs } = host;
  const { hash, routeCount, listeners, upstreams } = host.plan().head;
  const now = monotonicMs();
  return {
    version,
    node: process.version,
    pid: process.pid,
    config: configFile,
    epoch: segment.epoch(),
    hash,
    uptimeSeconds: Math.round((now - startedMs) / 100) / 10,
    draining: host.draining(),
    routes: routeCount,
    upstreams: upstreams.length,
    listeners: listeners.map(({ key, host: address, port }) => ({ key, host: address, port })),
    workers: host.workers().map((worker) => ({
      ...worker,
      epochBuilt: segment.slots.epochBuilt(worker.row),
      heartbeatAgeMs: age(segment.slots.heartbeatMs(worker.row), now),
      lagMs: Math.round(segment.slots.lagMs(worker.row) * 10) / 10,
    })),
    orphans: host.orphans(),
    reload: host.lastReload(),
  };
}

/** Strongest first, as the router tries them; targets by the name of their upstream. */
export function routesView({ head, parts }: ReturnType<Host['plan']>): object[] {
  const names = head.upstreams.map(({ name }) => name);
  return parts
    .flatMap((part) => unpackRoutes(part))
    .map((route) => ({
      ...route,
      targets: route.targets.map(({ upstream, weight }) => ({ upstream: names[upstream], weight })),
    }));
}

export function upstreamsView({ segment, plan }: Host): object[] {
  return plan().head.upstreams.map((upstream) => {
    const inFlight = segment.ledgerSum(upstream.item);
    return {
      name: upstream.name,
      balance: upstream.balance,
      inFlight,
      maxConcurrentRequests: upstream.maxConcurrentRequests,
      saturation: saturation(inFlight, upstream.maxConcurrentRequests),
      queued: segment.ledgerSum(upstream.waitingItem),
      queueMax: upstream.queueMax,
      endpoints: upstream.endpoints.map(({ origin, authority, weight, backup, item }) => ({
        origin,
        authority,
        weight,
        backup,
        inFlight: segment.ledgerSum(item),
      })),
    };
  });
}

/** In flight over the cap; 0 where there is none. */
export function saturation(inFlight: number, cap: number): number {
  return cap === 0 ? 0 : inFlight / cap;
}

/** null before the first beat */
function age(beatMs: number, nowMs: number): number | null {
  return beatMs === 0 ? null : Math.max(0, Math.round(nowMs - beatMs));
}
