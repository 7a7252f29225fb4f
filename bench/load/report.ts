// From rounds to what a reader sees: medians with their spread, ratios to the yardsticks, targets held or missed.
import { median, paired, type Spread, spreadOf, spreadText } from './figures.ts';
import { DIRECT, type Latency } from './latency.ts';
import type { Measured, Round, Row } from './measure.ts';
import type { CpuTarget, LatencyTarget } from './scenarios.ts';

export interface Verdict {
  held: boolean;
  text: string;
}

/** The columns to which ratios are given, where they are in the table. */
const YARDSTICKS = ['nginx', 'nginx-tuned', 'go-stock', 'go-tuned', 'weir-10-routes', 'weir-10-routes, walk'];
/** A generator that sees its requests later than this says little about latencies below it. */
const LATE_MS_MAX = 0.5;

/**
 * Median over the rounds of a's cost over b's in the same round: a drift of the machine during the run falls out of it.
 * NaN where the two share no round.
 */
export function ratio(a: Row, b: Row): number {
  return median(paired(costs(a), costs(b), (x, y) => x / y));
}

export function costs({ rounds }: Row): number[] {
  return rounds.map(({ cpuUsPerRequest }) => cpuUsPerRequest);
}

/** What a contender's percentile is above direct's in the same round, in ms; null where one of them is not there. */
export function added({ rows }: Latency, contender: string, percentile: 'p50Us' | 'p99Us' | 'p999Us'): Spread | null {
  const values = (name: string) =>
    rows.find((row) => row.contender === name)?.rounds.map((round) => round?.[percentile] ?? Number.NaN);
  const [ours, direct] = [values(contender), values(DIRECT)];
  if (ours === undefined || direct === undefined) return null;
  return spreadOf(paired(ours, direct, (a, b) => (a - b) / 1000));
}

export function verdicts(measured: Measured): Verdict[] {
  return measured.scenario.targets.map((target) =>
    'ratioMax' in target ? judgeCpu(measured, target) : judgeLatency(measured, target),
  );
}

function judgeCpu({ rows }: Measured, { of, over, ratioMax }: CpuTarget): Verdict {
  const [ours, yardstick] = [of, over].map((name) => rows.find(({ contender }) => contender === name));
  const value = ours && yardstick ? ratio(ours, yardstick) : Number.NaN;
  if (Number.isNaN(value)) return { held: false, text: `not judged: at most ${ratioMax} × ${over}` };
  const held = value <= ratioMax;
  return { held, text: `${held ? 'held' : 'MISSED'}: ${value.toFixed(2)} × ${over}, at most ${ratioMax}` };
}

function judgeLatency({ latency }: Measured, { of, over, moreMsMax }: LatencyTarget): Verdict {
  const late = latency === null ? 0 : latenessMs(latency);
  const [ours, yardstick] = [of, over].map((name) => (latency === null ? null : added(latency, name, 'p99Us')));
  const value = (ours?.median ?? Number.NaN) - (yardstick?.median ?? Number.NaN);
  const asked = `at most ${moreMsMax} ms more than ${over}`;
  if (Number.isNaN(value)) return { held: false, text: `not judged: adds ${asked} to p99` };
  if (late > moreMsMax / 2) return { held: false, text: `not judged, the generator was late: adds ${asked} to p99` };
  const held = value <= moreMsMax;
  return { held, text: `${held ? 'held' : 'MISSED'}: adds ${value.toFixed(2)} ms more to p99 than ${over}, ${asked}` };
}

/** p99 of how late the generator saw its own requests, over all rounds. */
function latenessMs({ rows }: Latency): number {
  return median(rows.flatMap(({ rounds }) => rounds.map((round) => round?.lateP99Us ?? Number.NaN))) / 1000;
}

/** A GitHub table, which is also fit for a terminal. */
export function table({ rows }: Measured): string {
  const yardsticks = YARDSTICKS.map((name) => rows.find(({ contender }) => contender === name)).filter(
    (row) => row !== undefined,
  );
  const head = ['contender', 'CPU µs/request', ...yardsticks.map(({ contender }) => `× ${contender}`)];
  head.push('requests/s', 'p50 ms', 'p99 ms', 'RSS MB', 'processes');
  const column = (row: Row, of: (round: Round) => number, digits: number) =>
    spreadText(spreadOf(row.rounds.map(of)), digits);
  const lines = rows.map((row) => [
    row.contender,
    column(row, (round) => round.cpuUsPerRequest, 1),
    ...yardsticks.map((yardstick) => ratio(row, yardstick).toFixed(2)),
    column(row, (round) => round.requestsPerSecond, 0),
    column(row, (round) => round.p50Ms, 2),
    column(row, (round) => round.p99Ms, 2),
    whole(row.rounds.map((round) => round.rssMb)),
    whole(row.rounds.map((round) => round.processes)),
  ]);
  return align([head, ...lines]);
}

function whole(values: readonly number[]): string {
  const value = median(values);
  return Number.isNaN(value) ? '-' : value.toFixed(0);
}

/** Latencies of the open loop, and what each contender adds to the origin's own. */
export function latencyTable(latency: Latency): string {
  const head = ['contender', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'p50 added', 'p99 added', 'p99.9 added'];
  head.push('generator late p99 ms', 'its CPU');
  const lines = latency.rows.map(({ contender, rounds }) => {
    const there = rounds.filter((round) => round !== null);
    const inMs = (name: 'p50Us' | 'p99Us' | 'p999Us' | 'maxUs' | 'lateP99Us') =>
      spreadText(spreadOf(there.map((round) => round[name] / 1000)), 2);
    const more = (['p50Us', 'p99Us', 'p999Us'] as const).map((name) => {
      const spread = contender === DIRECT ? null : added(latency, contender, name);
      return spread === null ? '-' : spreadText(spread, 2);
    });
    const cpu = median(there.map(({ cpuShare }) => cpuShare));
    const own = [inMs('lateP99Us'), Number.isNaN(cpu) ? '-' : `${(cpu * 100).toFixed(0)} %`];
    return [contender, inMs('p50Us'), inMs('p99Us'), inMs('p999Us'), inMs('maxUs'), ...more, ...own];
  });
  return align([head, ...lines]);
}

function latencySection(latency: Latency): string {
  const why = latency.halfOf === null ? 'as asked for' : `at most half of what ${latency.halfOf}, the slowest, can do`;
  const parts = [`Open loop at ${latency.rate} requests/s (${why}); latency from the scheduled time:`];
  parts.push(latencyTable(latency));
  const late = latenessMs(latency);
  if (late > LATE_MS_MAX) {
    parts.push(
      `* the generator saw its requests ${late.toFixed(2)} ms late at p99: the machine was busy, and differences below that mean nothing`,
    );
  }
  return parts.join('\n\n');
}

export function align(cells: string[][]): string {
  const widths = (cells[0] ?? []).map((_cell, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map(line)].join('\n');
}

/** One scenario as it stands in the Markdown report and on stdout. */
export function section(measured: Measured): string {
  const { scenario, rows, latency, missing, troubles } = measured;
  const parts = [`## ${scenario.name}: ${scenario.sentence}`];
  if (rows.length > 0) parts.push(table(measured));
  if (latency !== null) parts.push(latencySection(latency));
  const versions = new Map(rows.map(({ contender, version }) => [contender.replace(/, walk$/, ''), version]));
  if (rows.length > 0) parts.push([...versions].map(([name, version]) => `${name} = ${version}`).join('; '));
  const notes = [
    ...verdicts(measured).map(({ text }) => text),
    ...missing.map((text) => `left out: ${text}`),
    ...troubles.map((text) => `TROUBLE: ${text}`),
  ];
  if (notes.length > 0) parts.push(notes.map((text) => `* ${text}`).join('\n'));
  return parts.join('\n\n');
}
