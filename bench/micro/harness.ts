// The one way in which micro benches measure: warmed up, rounds of about 25 ms, CPU time of the process and not the clock
// (the machine may be busy with others), the median of the rounds with the lowest and the highest. Used by every bench
// beside it; all.ts runs them, each file in a process of its own, so that none spoils the other's compiled code.
import { pathToFileURL } from 'node:url';
import { median } from '../load/figures.ts';

export interface Figure {
  name: string;
  ns: number;
  lowNs: number;
  highNs: number;
  /** what else is to be said, such as `refused 12 %` */
  note: string;
}

export interface Bench {
  name: string;
  /** does the operation so many times, in a loop of its own: a call from here for each would be a part of the figure */
  run(times: number): void;
  /** before each round, not measured */
  before?: () => void;
  /** as often per round as this, no more: for operations that use something up */
  times?: number;
}

const ROUND_US = 25_000;
const ROUNDS = 11;

/** Marks the line of JSON that all.ts reads. */
export const MARK = 'FIGURES ';

export function measure({ name, run, before, times: fixed }: Bench): Figure {
  let times = fixed ?? 64;
  before?.();
  // until a round is long enough to be read off the CPU clock; that warms up, too
  for (let us = cpuOf(run, times); fixed === undefined && us < ROUND_US; us = cpuOf(run, times)) {
    times = Math.ceil(times * Math.min(8, Math.max(1.2, ROUND_US / Math.max(us, 1))));
  }
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    before?.();
    rounds.push((cpuOf(run, times) * 1000) / times);
  }
  return { name, ns: median(rounds), lowNs: Math.min(...rounds), highNs: Math.max(...rounds), note: '' };
}

/** Microseconds. User and system time together: only their sum is exact, the kernel splits it by its ticks. */
function cpuOf(run: (times: number) => void, times: number): number {
  const before = process.cpuUsage();
  run(times);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** A figure that was got in another way. */
export function figure(name: string, ns: number, note = ''): Figure {
  return { name, ns, lowNs: ns, highNs: ns, note };
}

/** Fresh copies: a parser hands over a new string each time, whose hash nobody has computed yet. */
export function fresh(text: string, count: number): string[] {
  return Array.from({ length: count }, () => Buffer.from(text, 'latin1').toString('latin1'));
}

/** What the benches keep their results in, so that no compiler takes their work away. */
export const sink: { value: unknown } = { value: null };

export function printTable(figures: readonly Figure[]): void {
  const width = Math.max(...figures.map(({ name }) => name.length), 20);
  console.log(
    `${'ns, CPU time'.padEnd(width)} ${'median'.padStart(12)} ${'lowest'.padStart(12)} ${'highest'.padStart(12)}`,
  );
  for (const { name, ns, lowNs, highNs, note } of figures) {
    const cells = [ns, lowNs, highNs].map((value) => shown(value).padStart(12));
    console.log(`${name.padEnd(width)} ${cells.join(' ')}${note === '' ? '' : `  ${note}`}`);
  }
}

function shown(ns: number): string {
  return ns < 1000 ? ns.toFixed(1) : Math.round(ns).toLocaleString('en');
}

/** The end of every bench file: `await present(import.meta.url, …)`. Does nothing when the file is only imported. */
export async function present(url: string, figures: () => Figure[] | Promise<Figure[]>): Promise<void> {
  if (url !== pathToFileURL(process.argv[1] ?? '').href) return;
  const all = await figures();
  if (process.argv.includes('--json')) console.log(MARK + JSON.stringify(all));
  else printTable(all);
}
