// The load bench: `node bench/load/run.ts`. Weir against its yardsticks, in turn within one run; what it costs is CPU time per
// request, read from /proc. Prints tables and writes them to bench/reports/. See bench/README.md for how to read them.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { get } from '../../test/helpers/client.ts';
import { until } from '../../test/helpers/deadline.ts';
import { type Measured, measure, type Options } from './measure.ts';
import { startBenchOrigin } from './origin.ts';
import type { ProcessTree } from './processes.ts';
import { section, verdicts } from './report.ts';
import { SCENARIOS } from './scenarios.ts';

/** What --only knows; `go` stands for both. */
const CONTENDERS = ['weir', 'nginx', 'haproxy', 'go', 'go-stock', 'go-tuned'];

const USAGE = `usage: node bench/load/run.ts [options]
  --seconds N        of load per contender and round (3)
  --rounds N         (3)
  --connections N    (64)
  --only A,B         of ${CONTENDERS.join(', ')} (all that are installed)
  --scenario A,B     of ${SCENARIOS.map(({ name }) => name).join(', ')} (all)
  --gate             exit 1 when a target is missed, too
Exit: 0; 1 after a socket error, an answer of 400 or above, or a contender that did not start; 2 usage.`;

const REPORTS = fileURLToPath(new URL('../reports', import.meta.url));

class UsageError extends Error {}

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '64' },
      only: { type: 'string' },
      scenario: { type: 'string' },
      gate: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seconds' | 'rounds' | 'connections') => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} takes a whole number from 1`);
    return value;
  };
  const only = values.only?.split(',') ?? null;
  const stranger = only?.find((name) => !CONTENDERS.includes(name));
  if (stranger !== undefined) throw new UsageError(`there is no contender "${stranger}"`);
  const names = values.scenario?.split(',');
  const unknown = names?.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new UsageError(`there is no scenario "${unknown}"`);
  return {
    help: values.help,
    gate: values.gate,
    seconds: number('seconds'),
    rounds: number('rounds'),
    connections: number('connections'),
    only,
    scenarios: SCENARIOS.filter(({ name }) => names?.includes(name) ?? true),
  };
}

/** What a figure means nothing without. */
function machine(): Record<string, string> {
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

function requirePrograms(): void {
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

async function main(): Promise<number> {
  // where Debian has nginx and haproxy; not on the PATH of every user
  process.env['PATH'] += ':/usr/sbin:/sbin';
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  requirePrograms();
  const directory = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const started: ProcessTree[] = [];
  const endAll = () => Promise.all(started.map((tree) => tree.stop()));
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      endAll().finally(() => {
        rmSync(directory, { recursive: true, force: true });
        process.exit(code);
      });
    });
  }
  const results: Measured[] = [];
  const about = machine();
  const load = `${options.connections} connections, ${options.rounds} rounds of ${options.seconds} s each, in turn, order rotated`;
  const title = `# Load bench\n\n${Object.entries(about)
    .map(([key, value]) => `* ${key}: ${value}`)
    .join('\n')}\n* load: ${load}`;
  console.log(title);
  try {
    const origin = await startBenchOrigin(directory);
    started.push(origin.tree);
    await until(10_000, `the origin (${origin.tree.lastWords()})`, () =>
      get(`http://127.0.0.1:${origin.port}/`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    for (const scenario of options.scenarios) {
      const { seconds, rounds, connections, only } = options;
      const given: Options = { seconds, rounds, connections, only, directory, originPort: origin.port, started };
      const measured = await measure(scenario, given);
      results.push(measured);
      console.log(`\n${section(measured)}`);
    }
  } finally {
    await endAll();
    rmSync(directory, { recursive: true, force: true });
  }
  mkdirSync(REPORTS, { recursive: true });
  const file = join(REPORTS, `load-${about['date']?.replace(/[:.]/g, '-')}`);
  writeFileSync(`${file}.md`, `${[title, ...results.map(section)].join('\n\n')}\n`);
  writeFileSync(`${file}.json`, `${JSON.stringify({ machine: about, load, results }, null, 2)}\n`);
  console.log(`\nwritten: ${file}.md and .json`);
  const failed = results.some(({ troubles }) => troubles.length > 0);
  if (failed) console.error('\nThe run is not valid: see TROUBLE above.');
  const missed = options.gate && results.some((measured) => verdicts(measured).some(({ held }) => !held));
  if (missed) console.error('\nA target was missed or could not be judged.');
  return failed || missed ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  console.error(usage ? `bench: ${(error as Error).message}\n${USAGE}` : error);
  process.exitCode = usage ? 2 : 1;
}
