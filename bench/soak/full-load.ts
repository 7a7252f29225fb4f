// As hard as wrk can, nothing else: what all processes together hold in memory, and whether it stays so.
import { drive, troubles } from '../load/wrk.ts';
import { soakConfig } from './config.ts';
import { type Growth, growth, type Point, type Slope } from './judgement.ts';
import type { Options } from './options.ts';
import { Random } from './random.ts';
import { Sampler, Samples } from './samples.ts';
import type { Stage } from './stage.ts';

/** Four workers and the primary; other numbers of workers by their share. */
const LIMIT_MB = 420;
const WARM_UP_SHARE = 0.2;
const WARM_UP_SECONDS_MAX = 90;
const CONNECTIONS = 128;
const SLICE_SECONDS = 10;

export interface FullLoadResult {
  samples: Samples;
  limitMb: number;
  highestMb: number;
  requestsPerSecond: number;
  /** by the slice of wrk */
  perSecond: Point[];
  growth: Growth;
  slope: Slope | null;
  broken: string[];
}

export async function fullLoad(stage: Stage, options: Options, say: (text: string) => void): Promise<FullLoadResult> {
  const site = await stage.site();
  const samples = new Samples();
  const config = soakConfig(site, new Random(options.seed));
  const gateway = await stage.gateway(config, options.workers, (pid) => samples.primaries.add(pid));
  const sampler = new Sampler(() => samples.look(gateway));
  const seconds = Math.round(options.minutes * 60);
  say(`${CONNECTIONS} connections of wrk for ${seconds} s`);
  const url = `http://127.0.0.1:${site.port}/things/42`;
  const broken: string[] = [];
  const perSecond: Point[] = [];
  let requests = 0;
  // by the slice: an interrupted run leaves wrk alone for no longer than that
  for (let done = 0; done < seconds; ) {
    const slice = Math.min(SLICE_SECONDS, seconds - done);
    const load = { method: 'GET', headers: {}, bodyBytes: 0, routes: 0, connections: CONNECTIONS, seconds: slice };
    const driven = await drive(url, load);
    done += slice;
    requests += driven.requests;
    perSecond.push([samples.seconds(), driven.requests / (driven.durationUs / 1e6)]);
    const trouble = troubles(driven);
    if (trouble !== null) broken.push(`under full load, after ${done} s: ${trouble}`);
    if (done % 60 < SLICE_SECONDS) say(`${done} s  RSS ${samples.rssSumMb.at(-1)?.[1].toFixed(0)} MB in all`);
  }
  await sampler.stop();
  const limitMb = (LIMIT_MB / 5) * (options.workers + 1);
  const highestMb = samples.rssSumMb.reduce((most, [, mb]) => Math.max(most, mb), 0);
  if (highestMb > limitMb)
    broken.push(`all processes together held ${highestMb.toFixed(0)} MB, more than ${limitMb.toFixed(0)}`);
  const warmUp = Math.min(WARM_UP_SECONDS_MAX, seconds * WARM_UP_SHARE);
  const warm = samples.rssSumMb.filter(([t]) => t > warmUp);
  const limits = { secondsMin: 60, perHour: 30 * options.workers, rise: 8 * options.workers };
  const { growth: verdict, slope } = growth(warm, limits);
  if (verdict === 'growing') broken.push(`memory grows by ${((slope?.slope ?? 0) * 3600).toFixed(0)} MB an hour`);
  broken.push(...samples.falls.falls.slice(0, 10), ...(await stage.finish(gateway)));
  return {
    samples,
    limitMb,
    highestMb,
    perSecond,
    requestsPerSecond: requests / seconds,
    growth: verdict,
    slope,
    broken,
  };
}
