// `node bench/load/compare.ts REV`: Weir of this tree, as it stands, against Weir of another revision, in turn within one
// run. The other one is checked out beside it for the time of the run. Answers one question: did a change make it faster?
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Contender } from './contender.ts';
import { paired, spreadOf } from './figures.ts';
import { type Measured, measure, type Row } from './measure.ts';
import { align, costs } from './report.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { exitCodeOf, machine, onStage, preamble, type Stage, UsageError, writeReport } from './stage.ts';
import { THIS_TREE, weir } from './weir.ts';

const USAGE = `usage: node bench/load/compare.ts REV [options]
  --scenario A,B     of ${SCENARIOS.map(({ name }) => name).join(', ')} (small-get)
  --seconds N        per tree and round (3)
  --rounds N         pairs (7)
  --connections N    (64)
Exit: 0; 1 when a run was not valid; 2 usage.`;

const OURS = 'weir';

function readOptions(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      scenario: { type: 'string', default: 'small-get' },
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '7' },
      connections: { type: 'string', default: '64' },
      help: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seconds' | 'rounds' | 'connections') => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} takes a whole number from 1`);
    return value;
  };
  const [revision, ...more] = positionals;
  if (!values.help && (revision === undefined || more.length > 0)) throw new UsageError('name one revision');
  const scenarios = values.scenario.split(',').map((name) => {
    const scenario = SCENARIOS.find((one) => one.name === name);
    if (scenario === undefined) throw new UsageError(`there is no scenario "${name}"`);
    return scenario;
  });
  return {
    help: values.help,
    revision: revision ?? '',
    scenarios,
    options: {
      ...{ seconds: number('seconds'), rounds: number('rounds'), connections: number('connections') },
      ...{ openSeconds: 0, rate: null, only: null },
    },
  };
}

function git(...args: string[]): string {
  return execFileSync('git', ['-C', THIS_TREE, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

function resolve(revision: string): string {
  try {
    return git('rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);
  } catch {
    throw new UsageError(`"${revision}" is no revision of this repository`);
  }
}

/** A worktree of the commit, ready to run, gone when the stage ends. */
function checkOut(commit: string, stage: Stage): string {
  const root = join(stage.directory, 'tree');
  stage.atEnd(() => {
    try {
      git('worktree', 'remove', '--force', root);
    } catch (error) {
      console.error(
        `bench: the worktree ${root} was not removed; \`git worktree prune\` does: ${(error as Error).message}`,
      );
    }
  });
  git('worktree', 'add', '--detach', root, commit);
  const lock = (tree: string) => readFileSync(join(tree, 'package-lock.json'), 'utf8');
  const installed = join(THIS_TREE, 'node_modules');
  if (existsSync(installed) && lock(root) === lock(THIS_TREE)) {
    symlinkSync(installed, join(root, 'node_modules'));
  } else {
    console.error(`bench: other dependencies at ${commit.slice(0, 7)}: npm ci`);
    execFileSync('npm', ['ci', '--prefix', root, '--no-audit', '--no-fund'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 600_000,
    });
  }
  return root;
}

function pair({ kind, routes }: Scenario, root: string, theirs: string): Contender[] {
  const shape = { routes: kind === 'routes' ? routes : 1, policies: kind === 'policies' };
  return [weir(OURS, { root: THIS_TREE, ...shape }), weir(theirs, { root, ...shape })];
}

/** Ours over theirs, pair by pair: the section of one scenario. */
export function comparison({ scenario, rows, troubles }: Measured, theirs: string): string {
  const parts = [`## ${scenario.name}: ${scenario.sentence}`];
  for (const ours of rows.filter(({ contender }) => contender === OURS || contender.startsWith(`${OURS},`))) {
    const other = rows.find(({ contender }) => contender === ours.contender.replace(OURS, theirs));
    if (other !== undefined) parts.push(pairs(ours, other));
  }
  if (troubles.length > 0) parts.push(troubles.map((words) => `* TROUBLE: ${words}`).join('\n'));
  return parts.join('\n\n');
}

function pairs(ours: Row, theirs: Row): string {
  const ratios = paired(costs(ours), costs(theirs), (a, b) => a / b);
  const head = ['pair', `${ours.contender} µs`, `${theirs.contender} µs`, 'ratio'];
  const lines = ratios.map((ratio, round) => [
    String(round + 1),
    ...[ours, theirs].map((row) => (costs(row)[round] ?? Number.NaN).toFixed(1)),
    ratio.toFixed(3),
  ]);
  return `${align([head, ...lines])}\n\n* ${verdict(ratios)}`;
}

/** Says less than the median alone would where the pairs do not agree. */
export function verdict(ratios: readonly number[]): string {
  const { median, low, high, count } = spreadOf(ratios);
  if (count === 0) return 'no pair was measured';
  const below = ratios.filter((ratio) => ratio < 1).length;
  const figures = `CPU per request ${median.toFixed(3)} × (${low.toFixed(3)}–${high.toFixed(3)}, ${count} pairs)`;
  if (count < 5) return `${figures}; fewer than five pairs show nothing`;
  if (below === count) return `${figures}: less in every pair`;
  if (ratios.filter((ratio) => ratio > 1).length === count) return `${figures}: more in every pair`;
  return `${figures}: less in ${below} of ${count}, which shows no difference`;
}

async function main(): Promise<number> {
  const { help, revision, scenarios, options } = readOptions(process.argv.slice(2));
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const commit = resolve(revision);
  const theirs = `${OURS}@${commit.slice(0, 7)}`;
  const changed = git('status', '--porcelain', '--', 'src', 'bin', 'package-lock.json') === '' ? '' : ' with changes';
  const results: Measured[] = [];
  const about: Record<string, string> = await onStage(async (stage) => {
    const root = checkOut(commit, stage);
    const words = {
      ...machine(),
      [OURS]: `this tree: ${git('rev-parse', '--short=7', 'HEAD')}${changed}`,
      [theirs]: `${revision}: ${git('log', '-1', '--format=%s', commit)}`,
      load: `${options.connections} connections, ${options.rounds} pairs of ${options.seconds} s each, order rotated`,
    };
    console.log(preamble('Two revisions', words));
    for (const scenario of scenarios) {
      const measured = await measure(scenario, pair(scenario, root, theirs), { ...options, ...stage });
      results.push(measured);
      console.log(`\n${comparison(measured, theirs)}`);
    }
    return words;
  });
  writeReport('compare', about['date'] ?? '', {
    md: `${[preamble('Two revisions', about), ...results.map((one) => comparison(one, theirs))].join('\n\n')}\n`,
    json: `${JSON.stringify({ machine: about, results }, null, 2)}\n`,
  });
  const failed = results.some(({ troubles, missing }) => troubles.length + missing.length > 0);
  if (failed) console.error('\nThe run is not valid: see TROUBLE above.');
  return failed ? 1 : 0;
}

if (import.meta.main) process.exitCode = await exitCodeOf('bench:compare', USAGE, main);
