// A soak on paper: Markdown, the chart's panels, and the JSON that keeps every figure.
import { chart, type Mark, type Panel } from './chart.ts';
import type { FullLoadResult } from './full-load.ts';
import type { Point, Slope } from './judgement.ts';
import type { Samples } from './samples.ts';
import { type SoakResult, WARM_UP_SECONDS } from './soak.ts';

const DEEDS = {
  reload: { name: 'reload', tone: 2 },
  bad_reload: { name: 'bad file', tone: 4 },
  kill_worker: { name: 'kill -9 of a worker', tone: 1 },
  kill_primary: { name: 'kill -9 of the primary', tone: 3 },
} as const;

export function soakMarkdown(result: SoakResult): string {
  const { tally, deeds, samples, attributed, unexplained, grown, counted, broken } = result;
  const counts = Object.entries(Object.groupBy(deeds.done, ({ deed }) => deed));
  const failures = Object.entries(attributed).map(([cause, n]) => `${n} ${cause}`);
  const judged = grown.filter(({ growth }) => growth !== 'too short');
  return [
    verdict(broken),
    `* capacity ${result.capacity.toFixed(0)} requests/s (closed loop, the same mix); load ${result.rate} requests/s, open loop`,
    `* ${tally.sent} sent: ${tally.answered} answered, ${tally.aborted} hung up on, ${tally.failed} failed, ${tally.skipped} held back by the bound; ${kinds(tally.byKind)}`,
    `* ${counted} counted by http_requests_total`,
    `* failures: ${failures.join(', ') || 'none'}; unexplained: ${unexplained.length}`,
    `* done to it: ${counts.map(([deed, all]) => `${all?.length} × ${DEEDS[deed as keyof typeof DEEDS].name}`).join(', ')}`,
    `* descriptors at rest: ${result.descriptorsAtRest.map(({ role, count }) => `${role} ${count}`).join(', ')}`,
    `* scrapes without an answer: ${samples.scrapesMissed}`,
    `\n### Memory of each process after ${WARM_UP_SECONDS} s of its life\n`,
    '| process | lived s | RSS MB | slope MB/h | descriptors | judged |',
    '|---|---:|---:|---:|---:|---|',
    ...judged.map(
      ({ pid, role, seconds, growth, rss, descriptors }) =>
        `| ${role} ${pid} | ${seconds.toFixed(0)} | ${range(rss, 0)} | ${slopeText(rss)} | ${range(descriptors, 0)} | ${growth} |`,
    ),
    `\n${grown.length - judged.length} further processes lived too short to be judged.`,
    '\n### What was done\n',
    '| at s | what | took ms | |',
    '|---:|---|---:|---|',
    ...deeds.done.map(
      ({ atSeconds, deed, tookMs, note }) =>
        `| ${atSeconds.toFixed(1)} | ${DEEDS[deed].name} | ${tookMs.toFixed(0)} | ${note} |`,
    ),
  ].join('\n');
}

export function fullLoadMarkdown(result: FullLoadResult): string {
  const { samples, highestMb, limitMb, growth, slope, requestsPerSecond, broken } = result;
  return [
    verdict(broken),
    `* ${requestsPerSecond.toFixed(0)} requests/s`,
    `* RSS of all processes together: at most ${highestMb.toFixed(0)} MB of ${limitMb.toFixed(0)}`,
    `* after the warm-up: ${growth}, ${range(slope, 0)} MB, ${slopeText(slope)} MB an hour`,
    ...samples.lifetimes.map(
      ({ role, pid, rssMb, anonMb }) =>
        `* ${role} ${pid}: ${rssMb.at(-1)?.[1].toFixed(0)} MB, of it ${anonMb.at(-1)?.[1].toFixed(0)} its own`,
    ),
  ].join('\n');
}

function verdict(broken: readonly string[]): string {
  if (broken.length === 0) return '**Every invariant held.**\n';
  return `**${broken.length} broken:**\n\n${broken.map((text) => `* BROKEN: ${text}`).join('\n')}\n`;
}

function kinds(byKind: Record<string, number>): string {
  return Object.entries(byKind)
    .map(([kind, n]) => `${kind} ${n}`)
    .join(', ');
}

function range(slope: Slope | null, digits: number): string {
  return slope === null ? '-' : `${slope.from.toFixed(digits)} → ${slope.to.toFixed(digits)}`;
}

function slopeText(slope: Slope | null): string {
  return slope === null ? '-' : `${(slope.slope * 3600).toFixed(1)} ± ${(slope.error * 3600).toFixed(1)}`;
}

export function soakChart(title: string, result: SoakResult): string {
  const { samples, traffic, deeds } = result;
  const { gauges } = samples;
  const panels: Panel[] = [
    memory(samples),
    { title: 'Open descriptors', lines: perProcess(samples, ({ descriptors }) => descriptors) },
    {
      title: 'Requests a second',
      lines: [
        { name: 'answered', points: traffic.perSecond, tone: 0 },
        { name: 'failed', points: traffic.failed, tone: 1 },
      ],
    },
    {
      title: 'Latency, ms',
      lines: [
        { name: 'p99', points: traffic.p99Ms, tone: 1 },
        { name: 'p50', points: traffic.p50Ms, tone: 0 },
      ],
    },
    {
      title: 'In flight on the host',
      lines: [
        { name: 'connections', points: gauges.connections, tone: 5 },
        { name: 'requests', points: gauges.active, tone: 0 },
        { name: 'at upstreams', points: gauges.upstreamActive, tone: 2 },
        { name: 'queued', points: gauges.queued, tone: 1 },
      ],
    },
    { title: 'Event-loop lag, worst worker, ms', lines: [{ name: 'lag', points: gauges.lagMs, tone: 3 }] },
    { title: 'Workers up', lines: [{ name: 'up', points: gauges.workersUp, tone: 2 }] },
  ];
  const marks: Mark[] = deeds.done.map(({ atSeconds, deed }) => ({ atSeconds, ...DEEDS[deed] }));
  return chart(title, samples.seconds(), panels, marks);
}

export function fullLoadChart(title: string, { samples, limitMb, perSecond }: FullLoadResult): string {
  const lines = [{ name: 'all together', points: samples.rssSumMb, tone: 0 }];
  const all: Panel = { title: 'RSS, MB', lines, limit: { value: limitMb, name: `limit ${limitMb.toFixed(0)} MB` } };
  const panels = [
    all,
    memory(samples),
    { title: 'Requests a second', lines: [{ name: 'answered', points: perSecond, tone: 0 }] },
    { title: 'Open descriptors', lines: perProcess(samples, ({ descriptors }) => descriptors) },
    { title: 'Event-loop lag, worst worker, ms', lines: [{ name: 'lag', points: samples.gauges.lagMs, tone: 3 }] },
  ];
  return chart(title, samples.seconds(), panels, []);
}

function memory(samples: Samples): Panel {
  return { title: 'RSS of each process, MB', lines: perProcess(samples, ({ rssMb }) => rssMb) };
}

function perProcess(samples: Samples, of: (lifetime: Samples['lifetimes'][number]) => readonly Point[]) {
  return samples.lifetimes.map((lifetime) => ({
    name: `${lifetime.role} ${lifetime.pid}`,
    points: of(lifetime),
    tone: lifetime.role === 'primary' ? 1 : 0,
  }));
}
