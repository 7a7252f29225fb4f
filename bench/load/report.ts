// From rounds to what a reader sees: medians with their spread, ratios to the yardsticks, targets held or missed.
import type { Measured, Round, Row } from './measure.ts';

export interface Verdict {
  held: boolean;
  text: string;
}

/** The columns to which ratios are given, where they are in the table. */
const YARDSTICKS = ['nginx', 'go-stock', 'go-tuned', 'weir-10-routes'];

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * Median over the rounds of a's cost over b's in the same round: a drift of the machine during the run falls out of it.
 * NaN where the two share no round.
 */
export function ratio(a: Row, b: Row): number {
  const shared = Math.min(a.rounds.length, b.rounds.length);
  const ratios: number[] = [];
  for (let i = 0; i < shared; i++) ratios.push(a.rounds[i]!.cpuUsPerRequest / b.rounds[i]!.cpuUsPerRequest);
  return median(ratios);
}

export function verdicts({ scenario, rows }: Measured): Verdict[] {
  const ours = rows.find(({ contender }) => contender.startsWith('weir') && contender !== 'weir-10-routes');
  return scenario.targets.map(({ over, ratioMax }) => {
    const yardstick = rows.find(({ contender }) => contender === over);
    const value = ours && yardstick ? ratio(ours, yardstick) : Number.NaN;
    if (Number.isNaN(value)) return { held: false, text: `not judged: at most ${ratioMax} × ${over}` };
    const held = value <= ratioMax;
    return { held, text: `${held ? 'held' : 'MISSED'}: ${value.toFixed(2)} × ${over}, at most ${ratioMax}` };
  });
}

/** A GitHub table, which is also fit for a terminal. */
export function table({ rows }: Measured): string {
  const yardsticks = YARDSTICKS.map((name) => rows.find(({ contender }) => contender === name)).filter(
    (row) => row !== undefined,
  );
  const head = ['contender', 'CPU µs/request', ...yardsticks.map(({ contender }) => `× ${contender}`)];
  head.push('requests/s', 'p50 ms', 'p99 ms', 'RSS MB', 'processes');
  const lines = rows.map((row) => [
    row.contender,
    spread(row, (round) => round.cpuUsPerRequest, 1),
    ...yardsticks.map((yardstick) => ratio(row, yardstick).toFixed(2)),
    spread(row, (round) => round.requestsPerSecond, 0),
    spread(row, (round) => round.p50Ms, 2),
    spread(row, (round) => round.p99Ms, 2),
    median(row.rounds.map((round) => round.rssMb)).toFixed(0),
    String(row.rounds.at(-1)?.processes ?? '-'),
  ]);
  return align([head, ...lines]);
}

/** `median (min–max)` */
function spread(row: Row, of: (round: Round) => number, digits: number): string {
  const values = row.rounds.map(of);
  if (values.length === 0) return '-';
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

function align(cells: string[][]): string {
  const widths = (cells[0] ?? []).map((_cell, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map(line)].join('\n');
}

/** One scenario as it stands in the Markdown report and on stdout. */
export function section(measured: Measured): string {
  const { scenario, rows, missing, troubles } = measured;
  const parts = [`## ${scenario.name}: ${scenario.sentence}`];
  if (rows.length > 0) parts.push(table(measured));
  if (rows.length > 0) parts.push(rows.map(({ contender, version }) => `${contender} = ${version}`).join('; '));
  const notes = [
    ...verdicts(measured).map(({ text }) => text),
    ...missing.map((text) => `left out: ${text}`),
    ...troubles.map((text) => `TROUBLE: ${text}`),
  ];
  if (notes.length > 0) parts.push(notes.map((text) => `* ${text}`).join('\n'));
  return parts.join('\n\n');
}
