// The load bench: `node bench/load/run.ts`. Weir against its yardsticks, in turn within one run; what it costs is CPU time per
// request, read from /proc, and the latency that it adds, from an open loop. Prints tables and writes them and a plot to
// bench/reports/. See bench/README.md for how to read them.
import { parseArgs } from 'node:util';
import { contenders, NAMES } from './contenders.ts';
import { type Measured, measure } from './measure.ts';
import { plot } from './plot.ts';
import { section, verdicts } from './report.ts';
import { SCENARIOS } from './scenarios.ts';
import { exitCodeOf, machine, onStage, preamble, UsageError, writeReport } from './stage.ts';

const USAGE = `usage: node bench/load/run.ts [options]
  --seconds N        of closed loop per contender and round (3)
  --open-seconds N   of open loop per contender and round; 0 = none (5)
  --rate N           requests/s of the open loop (half of what the slowest contender can do)
  --rounds N         (3)
  --connections N    (64)
  --only A,B         of ${NAMES.join(', ')} (all that are installed)
  --scenario A,B     of ${SCENARIOS.map(({ name }) => name).join(', ')} (all)
  --gate             exit 1 when a target is missed, too
Exit: 0; 1 after a socket error, an answer of 400 or above, or a contender that did not start; 2 usage.`;

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '3' },
      'open-seconds': { type: 'string', default: '5' },
      rate: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '64' },
      only: { type: 'string' },
      scenario: { type: 'string' },
      gate: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seconds' | 'open-seconds' | 'rounds' | 'connections' | 'rate', least: number) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least) throw new UsageError(`--${name} takes a whole number from ${least}`);
    return value;
  };
  const only = values.only?.split(',') ?? null;
  const stranger = only?.find((name) => !NAMES.includes(name));
  if (stranger !== undefined) throw new UsageError(`there is no contender "${stranger}"`);
  const names = values.scenario?.split(',');
  const unknown = names?.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new UsageError(`there is no scenario "${unknown}"`);
  return {
    help: values.help,
    gate: values.gate,
    seconds: number('seconds', 1),
    openSeconds: number('open-seconds', 0),
    rate: values.rate === undefined ? null : number('rate', 1),
    rounds: number('rounds', 1),
    connections: number('connections', 1),
    only,
    scenarios: SCENARIOS.filter(({ name }) => names?.includes(name) ?? true),
  };
}

async function main(): Promise<number> {
  const { help, gate, scenarios, ...options } = readOptions(process.argv.slice(2));
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const results: Measured[] = [];
  const load = `${options.connections} connections, ${options.rounds} rounds of ${options.seconds} s each, in turn, order rotated`;
  const about: Record<string, string> = await onStage(async (stage) => {
    const words = { ...machine(), load };
    console.log(preamble('Load bench', words));
    for (const scenario of scenarios) {
      const measured = await measure(scenario, contenders(scenario), { ...options, ...stage });
      results.push(measured);
      console.log(`\n${section(measured)}`);
    }
    return words;
  });
  writeReport('load', about['date'] ?? '', {
    md: `${[preamble('Load bench', about), ...results.map(section)].join('\n\n')}\n`,
    json: `${JSON.stringify({ machine: about, load, results }, null, 2)}\n`,
    svg: plot(results, `${about['date']}; ${about['cpu']}; kernel ${about['kernel']}; Node ${about['node']}`),
  });
  const failed = results.some(({ troubles }) => troubles.length > 0);
  if (failed) console.error('\nThe run is not valid: see TROUBLE above.');
  const missed = gate && results.some((measured) => verdicts(measured).some(({ held }) => !held));
  if (missed) console.error('\nA target was missed or could not be judged.');
  return failed || missed ? 1 : 0;
}

process.exitCode = await exitCodeOf('bench', USAGE, main);
