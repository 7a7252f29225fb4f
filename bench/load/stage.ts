// What every run of the load bench needs around it: a directory, the origin, the programs, a description of the machine, and
// an end that leaves no process behind, also on Ctrl-C. Used by run.ts and compare.ts.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { get } from '../../test/helpers/client.ts';
import { until } from '../../test/helpers/deadline.ts';
import { startBenchOrigin } from './origin.ts';
import type { ProcessTree } from './processes.ts';

const REPORTS = fileURLToPath(new URL('../reports', import.meta.url));

/** Said with the usage, exit 2. */
export class UsageError extends Error {}

export interface Stage {
  directory: string;
  originPort: number;
  started: ProcessTree[];
  /** called at the end, whatever happens, last one first; must not throw */
  atEnd(step: () => void): void;
}

/** Runs `play` with all set up, and clears up behind it. */
export async function onStage<T>(play: (stage: Stage) => Promise<T>): Promise<T> {
  requirePrograms();
  const directory = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const started: ProcessTree[] = [];
  const steps: (() => void)[] = [() => rmSync(directory, { recursive: true, force: true })];
  let ended: Promise<void> | null = null;
  const end = () => {
    ended ??= Promise.all(started.map((tree) => tree.stop())).then(() => {
      for (const step of steps.reverse()) step();
    });
    return ended;
  };
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      end().finally(() => process.exit(code));
    });
  }
  try {
    const origin = await startBenchOrigin(directory);
    started.push(origin.tree);
    await until(10_000, `the origin (${origin.tree.lastWords()})`, () =>
      get(`http://127.0.0.1:${origin.port}/`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    return await play({ directory, originPort: origin.port, started, atEnd: (step) => steps.push(step) });
  } finally {
    await end();
  }
}

function requirePrograms(): void {
  // where Debian has nginx and haproxy; not on the PATH of every user
  process.env['PATH'] += ':/usr/sbin:/sbin';
  for (const [file, flag] of [
    ['wrk', '-v'],
    ['nginx', '-v'],
  ] as const) {
    const { error } = spawnSync(file, [flag], { stdio: 'ignore' });
    if (error)
      throw new UsageError(
        `${file} is not installed, and the bench needs it; \`sh scripts/setup.sh bench\` installs it`,
      );
  }
}

/** What a figure means nothing without. */
export function machine(): Record<string, string> {
  const wrk = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  return {
    date: new Date().toISOString(),
    cpu: `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GB`,
    kernel: release(),
    // much above 0 and others were at work: no figure of this run can be believed
    'load average before': (loadavg()[0] ?? 0).toFixed(2),
    node: process.version,
    wrk: (wrk.stdout || wrk.stderr || 'not installed').split('\n')[0]?.split(' Copyright')[0] ?? '',
  };
}

/** Title and a list: how every report begins. */
export function preamble(title: string, about: Record<string, string>): string {
  const lines = Object.entries(about).map(([key, value]) => `* ${key}: ${value}`);
  return `# ${title}\n\n${lines.join('\n')}`;
}

/**
 * Writes the files of a run side by side into bench/reports and says so.
 * @param files ending → text
 */
export function writeReport(name: string, date: string, files: Record<string, string>): void {
  mkdirSync(REPORTS, { recursive: true });
  const file = join(REPORTS, `${name}-${date.replace(/[:.]/g, '-')}`);
  for (const [ending, words] of Object.entries(files)) writeFileSync(`${file}.${ending}`, words);
  console.log(`\nwritten: ${file}.{${Object.keys(files).join(',')}}`);
}

/** Exit code of a program of the bench: a usage error is told with the usage, all else as it is. */
export async function exitCodeOf(program: string, usage: string, main: () => Promise<number>): Promise<number> {
  try {
    return await main();
  } catch (error) {
    const known = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
    console.error(known ? `${program}: ${(error as Error).message}\n${usage}` : error);
    return known ? 2 : 1;
  }
}
