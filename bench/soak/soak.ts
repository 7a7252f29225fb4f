// The soak itself: capacity, then a share of it for long, with reloads and kills in it; then rest, and the judgement.
import { monotonicMs } from '../../src/shared/clock.ts';
import { pause, until } from '../../test/helpers/deadline.ts';
import type { Gateway } from '../../test/helpers/gateway.ts';
import { processesOf, readProcess } from './census.ts';
import { Clients } from './clients.ts';
import { type Site, soakConfig } from './config.ts';
import { Deeds } from './deeds.ts';
import { attribute, type GrowthLimits, growth, type Point, type Slope } from './judgement.ts';
import type { Failure, Tally } from './messages.ts';
import type { Options } from './options.ts';
import { Random } from './random.ts';
import { Sampler, Samples, summed } from './samples.ts';
import { schedule } from './schedule.ts';
import type { Stage } from './stage.ts';

export interface Grown {
  pid: number;
  role: string;
  seconds: number;
  growth: string;
  rss: Slope | null;
  descriptors: Slope | null;
}

export interface SoakResult {
  capacity: number;
  rate: number;
  tally: Tally;
  deeds: Deeds;
  samples: Samples;
  traffic: { perSecond: Point[]; failed: Point[]; p50Ms: Point[]; p99Ms: Point[]; inFlight: Point[] };
  attributed: Record<string, number>;
  unexplained: Failure[];
  grown: Grown[];
  descriptorsAtRest: { pid: number; role: string; count: number }[];
  counted: number;
  /** every broken invariant, in a sentence */
  broken: string[];
}

/** A young worker's heap and compiled code grow; what it does after that is its character. */
export const WARM_UP_SECONDS = 45;
const WORKER_LIMITS: GrowthLimits = { secondsMin: 60, perHour: 30, rise: 8 };
const DESCRIPTOR_LIMITS: GrowthLimits = { secondsMin: 60, perHour: 600, rise: 40 };
const CAPACITY_SECONDS = 5;
/** Node's own, the segment, the listeners, the channel, and a few connections that an upstream still keeps. */
const DESCRIPTORS_AT_REST_MAX = 64;
/** Orphans let their idle connections go after 30 s, upstream connections are closed after 4 s of rest. */
const REST_WITHIN_MS = 45_000;

export async function soak(stage: Stage, options: Options, say: (text: string) => void): Promise<SoakResult> {
  const random = new Random(options.seed);
  const site = await stage.site();
  const config = soakConfig(site, random);
  const samples = new Samples();
  const gateway = await stage.gateway(config, options.workers, (pid) => samples.primaries.add(pid));
  const capacity = await findCapacity(stage, gateway, site, options.seed);
  const rate = Math.max(1, Math.round(capacity * options.load));
  say(`capacity ${capacity.toFixed(0)} requests/s, load ${rate} requests/s for ${options.minutes} minutes`);

  const before = await atRest(gateway);
  const deeds = new Deeds(gateway, config, site, options.workers, random, samples);
  stage.alsoEnd(async () => deeds.stop());
  const clients = await Clients.start();
  stage.alsoEnd(() => clients.end());
  const traffic: SoakResult['traffic'] = { perSecond: [], failed: [], p50Ms: [], p99Ms: [], inFlight: [] };
  let last: Tally | null = null;
  clients.onTally = (tally) => {
    const t = samples.seconds();
    traffic.perSecond.push([t, tally.answered - (last?.answered ?? 0)]);
    traffic.failed.push([t, tally.failed - (last?.failed ?? 0)]);
    traffic.p50Ms.push([t, tally.p50Ms]);
    traffic.p99Ms.push([t, tally.p99Ms]);
    traffic.inFlight.push([t, tally.inFlight]);
    last = tally;
  };
  const sampler = new Sampler(() => samples.look(deeds.gateway));
  clients.go(site.port, options.seed, rate);
  const endMs = monotonicMs() + options.minutes * 60_000;
  const followed = deeds.follow(schedule(random, options.minutes * 60_000));
  while (monotonicMs() < endMs) {
    await pause(Math.max(1, Math.min(30_000, endMs - monotonicMs())));
    say(progress(samples, clients));
  }
  deeds.stop();
  await followed;
  const tally = await clients.rest();
  await clients.end();

  const broken = [...deeds.troubles];
  const after = await atRest(deeds.gateway).catch((error: Error) => {
    broken.push(error.message);
    return deeds.gateway.metrics().catch(() => new Map<string, number>());
  });
  await sampler.stop();
  const result: SoakResult = {
    capacity,
    rate,
    tally,
    deeds,
    samples,
    traffic,
    ...explained(clients, deeds),
    grown: grown(samples),
    descriptorsAtRest: processesOf(stage.runtime)
      .map(readProcess)
      .filter((reading) => reading !== null)
      .map(({ pid, descriptors }) => ({ pid, role: roleOf(samples, pid), count: descriptors })),
    counted: summed(after, 'http_requests_total') - summed(before, 'http_requests_total'),
    broken,
  };
  broken.push(...(await broke(result, clients)), ...(await stage.finish(deeds.gateway)));
  return result;
}

async function findCapacity(stage: Stage, gateway: Gateway, site: Site, seed: number): Promise<number> {
  const clients = await Clients.start();
  stage.alsoEnd(() => clients.end());
  clients.go(site.port, seed, null);
  // the first seconds belong to the compiler
  await pause(3000);
  const from = { answered: clients.tally?.answered ?? 0, atMs: monotonicMs() };
  await pause(CAPACITY_SECONDS * 1000);
  const capacity = ((clients.tally?.answered ?? 0) - from.answered) / ((monotonicMs() - from.atMs) / 1000);
  await clients.rest();
  await clients.end();
  if (clients.failures.length > 0 || capacity === 0) {
    const [first] = clients.failures;
    throw new Error(`no capacity to find: ${clients.failures.length} requests failed, ${first?.kind}: ${first?.what}
${gateway.stderr().slice(-2000)}`);
  }
  return capacity;
}

/** All gauges 0, one epoch everywhere, no orphans. Rejects with what is not so. @returns the counters of that moment */
async function atRest(gateway: Gateway): Promise<Map<string, number>> {
  let held = '';
  try {
    return await until(
      REST_WITHIN_MS,
      'a gateway at rest',
      async () => {
        const [metrics, state] = [await gateway.metrics(), await gateway.state()];
        const gauges = ['http_requests_active', 'connections_active', 'upstream_requests_active'];
        gauges.push('upstream_requests_queued', 'upstream_connection_saturation_ratio');
        const raised = gauges.filter((name) => summed(metrics, name) !== 0);
        const behind = state.workers.filter((worker) => worker.state !== 'ready' || worker.epochBuilt !== state.epoch);
        held = [
          ...raised.map((name) => `${name} is ${summed(metrics, name)}`),
          ...behind.map(({ row, epochBuilt }) => `row ${row} is at epoch ${epochBuilt} of ${state.epoch}`),
          ...state.orphans.map((pid) => `orphan ${pid} is still there`),
          ...(summed(metrics, 'config_epoch') === state.epoch ? [] : ['config_epoch and state disagree']),
        ].join(', ');
        if (held !== '') return null;
        const wide = state.workers.map(({ pid }) => readProcess(pid)?.descriptors ?? 0);
        if (wide.some((count) => count > DESCRIPTORS_AT_REST_MAX)) held = `descriptors at rest: ${wide.join(', ')}`;
        return held === '' ? metrics : null;
      },
      250,
    );
  } catch (error) {
    throw new Error(`no rest within ${REST_WITHIN_MS / 1000} s after the load: ${held || (error as Error).message}`);
  }
}

function explained(clients: Clients, deeds: Deeds): Pick<SoakResult, 'attributed' | 'unexplained'> {
  const attributed: Record<string, number> = {};
  const unexplained: Failure[] = [];
  for (const failure of clients.failures) {
    const cause = attribute(failure, deeds.kills);
    if (cause === null) unexplained.push(failure);
    else attributed[cause] = (attributed[cause] ?? 0) + 1;
  }
  return { attributed, unexplained };
}

function grown(samples: Samples): Grown[] {
  return samples.lifetimes.map(({ pid, role, rssMb, descriptors }) => {
    const born = rssMb[0]?.[0] ?? 0;
    const warm = (points: readonly Point[]) => points.filter(([t]) => t - born >= WARM_UP_SECONDS);
    const rss = growth(warm(rssMb), WORKER_LIMITS);
    const open = growth(warm(descriptors), DESCRIPTOR_LIMITS);
    const verdict = open.growth === 'growing' ? 'descriptors growing' : rss.growth;
    const seconds = (rssMb.at(-1)?.[0] ?? 0) - born;
    return { pid, role, seconds, growth: verdict, rss: rss.slope, descriptors: open.slope };
  });
}

async function broke(result: SoakResult, clients: Clients): Promise<string[]> {
  const { tally, unexplained, samples, deeds, counted } = result;
  const found: string[] = [];
  if (unexplained.length + clients.failuresDropped > 0) {
    const kinds = Object.entries(
      Object.groupBy(unexplained, (failure) => `${failure.kind}: ${failure.what} ${during(failure, deeds, samples)}`),
    );
    const list = kinds.map(([what, all]) => `${all?.length} × ${what}`).join(', ');
    found.push(`${unexplained.length + clients.failuresDropped} requests failed that no killed worker had: ${list}`);
  }
  found.push(...samples.falls.falls.slice(0, 10));
  for (const { pid, role, growth: verdict, rss } of result.grown) {
    if (!verdict.includes('growing')) continue;
    found.push(`${role} ${pid} grows: ${verdict}, RSS by ${((rss?.slope ?? 0) * 3600).toFixed(0)} MB an hour`);
  }
  // What was counted and never answered, and the other way round, must fit into what was lost with the killed.
  const lost = deeds.kills.reduce((sum, { clients: theirs }) => sum + theirs.accepted.size, 0);
  if (counted + lost < tally.answered)
    found.push(`${tally.answered} answers came, but only ${counted} requests were counted`);
  if (counted > tally.sent) found.push(`${counted} requests were counted, but only ${tally.sent} were sent`);
  return found;
}

/** What was being done to the gateway when it failed: for whoever looks for the reason. */
function during({ endedMs }: Failure, deeds: Deeds, samples: Samples): string {
  const t = samples.secondsAt(endedMs);
  const deed = deeds.done.find(({ atSeconds, tookMs }) => t >= atSeconds && t <= atSeconds + tookMs / 1000 + 2);
  return deed === undefined ? 'while nothing was done' : `around the ${deed.deed} at ${deed.atSeconds.toFixed(0)} s`;
}

function roleOf(samples: Samples, pid: number): string {
  return samples.primaries.has(pid) ? 'primary' : 'worker';
}

function progress(samples: Samples, clients: Clients): string {
  const { answered = 0, failed = 0, aborted = 0, p99Ms = 0 } = clients.tally ?? {};
  const rss = samples.rssSumMb.at(-1)?.[1] ?? 0;
  return `${samples.seconds().toFixed(0).padStart(5)} s  ${answered} answered, ${aborted} aborted, ${failed} failed, p99 ${p99Ms.toFixed(0)} ms, RSS ${rss.toFixed(0)} MB in all`;
}
