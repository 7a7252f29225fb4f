// One scenario: starts its contenders, loads them in turn over several rounds with a rotated order, and gives back what each
// round cost. Called by run.ts for each scenario.
import { get } from '../../test/helpers/client.ts';
import { until } from '../../test/helpers/deadline.ts';
import { type Contender, contenders, type Started } from './contenders.ts';
import type { Scenario } from './scenarios.ts';
import { drive, troubles } from './wrk.ts';

export interface Options {
  seconds: number;
  rounds: number;
  connections: number;
  /** names of contenders; null = all */
  only: string[] | null;
  directory: string;
  originPort: number;
  /** every process tree that was started, so that an interrupted bench ends them too */
  started: Started['tree'][];
}

export interface Round {
  cpuUsPerRequest: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  rssMb: number;
  processes: number;
}

export interface Row {
  contender: string;
  version: string;
  rounds: Round[];
}

export interface Measured {
  scenario: Scenario;
  rows: Row[];
  /** who is not in the table, and why: not a fault */
  missing: string[];
  /** what makes the run a failed one */
  troubles: string[];
}

const WARM_UP_SECONDS = 1;
/** A JIT needs longer than that once. */
const FIRST_WARM_UP_SECONDS = 3;

interface Running {
  contender: Contender;
  started: Started;
  row: Row;
}

export async function measure(scenario: Scenario, options: Options): Promise<Measured> {
  const measured: Measured = { scenario, rows: [], missing: [], troubles: [] };
  const running: Running[] = [];
  try {
    for (const contender of contenders(scenario.routes)) {
      if (
        options.only &&
        !options.only.some((name) => contender.name === name || contender.name.startsWith(`${name}-`))
      ) {
        continue;
      }
      const version = contender.version();
      if (!version.there) {
        measured.missing.push(`${contender.name}: ${version.why}`);
        continue;
      }
      const row: Row = { contender: contender.name, version: version.text, rounds: [] };
      try {
        const started = await contender.start(options);
        options.started.push(started.tree);
        await ready(started, contender, scenario);
        running.push({ contender, started, row });
        measured.rows.push(row);
      } catch (error) {
        measured.troubles.push(`${contender.name} did not start: ${(error as Error).message}`);
      }
    }
    for (let round = 0; round < options.rounds; round++) {
      for (let turn = 0; turn < running.length; turn++) {
        const one = running[(turn + round) % running.length];
        if (one) await load(one, scenario, options, round, measured.troubles);
      }
    }
  } finally {
    await Promise.all(running.map(({ started }) => started.tree.stop()));
  }
  return measured;
}

/** Waits for the right answer: wrk itself would count a wrong one of status 200 or 300 as well. */
async function ready(started: Started, contender: Contender, scenario: Scenario): Promise<void> {
  const { tree, port } = started;
  const path = contender.routes > 1 ? '/service-00000/items/0' : scenario.path;
  const url = `http://127.0.0.1:${port}${path}`;
  const body = Buffer.alloc(scenario.bodyBytes, 'x');
  try {
    await until(
      20_000,
      `an answer of ${url}`,
      async () => {
        if (!tree.running) return true;
        const answer = await get(url, { method: scenario.method, body, ms: 2000 }).catch(() => null);
        return answer?.status === 200 && answer.body.length === scenario.answerBytes;
      },
      50,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${tree.lastWords()}`);
  }
  if (!tree.running) throw new Error(`it ended:\n${tree.lastWords()}`);
}

async function load(
  { contender, started, row }: Running,
  scenario: Scenario,
  { seconds, connections }: Options,
  round: number,
  found: string[],
): Promise<void> {
  const { tree, port } = started;
  const url = `http://127.0.0.1:${port}${scenario.path}`;
  const { method, bodyBytes } = scenario;
  const walk = { method, bodyBytes, routes: contender.routes > 1 ? contender.routes : 0, connections };
  const where = `${scenario.name}, ${contender.name}, round ${round + 1}`;
  try {
    await drive(url, { ...walk, seconds: round === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS });
    const before = tree.cpuUs();
    const driven = await drive(url, { ...walk, seconds });
    const cpuUs = tree.cpuUs() - before;
    const trouble = troubles(driven);
    if (trouble) found.push(`${where}: ${trouble}`);
    if (!tree.running) found.push(`${where}: it ended:\n${tree.lastWords()}`);
    if (driven.requests === 0) return;
    row.rounds.push({
      cpuUsPerRequest: cpuUs / driven.requests,
      requestsPerSecond: driven.requests / (driven.durationUs / 1e6),
      p50Ms: driven.p50Us / 1000,
      p99Ms: driven.p99Us / 1000,
      rssMb: tree.rssBytes() / 2 ** 20,
      processes: tree.members().length,
    });
  } catch (error) {
    found.push(`${where}: ${(error as Error).message}`);
  }
}
