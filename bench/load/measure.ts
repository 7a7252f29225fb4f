// One scenario: starts its contenders, waits until they are at rest, loads them in turn over several rounds with a rotated
// order, and gives back what each round cost; then the open loop. Called by run.ts and compare.ts for each scenario.
import { get } from '../../test/helpers/client.ts';
import { pause, until } from '../../test/helpers/deadline.ts';
import type { Contender, Started } from './contender.ts';
import { type Latency, measureLatency } from './latency.ts';
import type { ProcessTree } from './processes.ts';
import { type Reading, readings, type Scenario } from './scenarios.ts';
import { drive, type Load, troubles } from './wrk.ts';

export interface Options {
  seconds: number;
  rounds: number;
  connections: number;
  /** of open loop per contender and round; 0 = none */
  openSeconds: number;
  /** requests a second of the open loop; null = half of what the slowest contender can do */
  rate: number | null;
  /** names of contenders; null = all */
  only: string[] | null;
  directory: string;
  originPort: number;
  /** every process tree that was started, so that an interrupted bench ends them too */
  started: ProcessTree[];
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
  /** NaN-filled where the round failed, so that a round has the same index in every row */
  rounds: Round[];
}

export interface Measured {
  scenario: Scenario;
  rows: Row[];
  latency: Latency | null;
  /** who is not in the table, and why: not a fault */
  missing: string[];
  /** what makes the run a failed one */
  troubles: string[];
}

const WARM_UP_SECONDS = 1;
/** A JIT needs longer than that once. */
const FIRST_WARM_UP_SECONDS = 3;
/** How often the first warm-up asks every route of a walk. */
const FIRST_PASSES = 2;

/** Weir compiles a config in a thread and builds plans in its worker for a while after its start. */
const REST_WINDOW_MS = 1500;
const REST_SHARE = 0.03;
const REST_DEADLINE_MS = 60_000;

export interface Running {
  contender: Contender;
  started: Started;
  reading: Reading;
  row: Row;
}

export async function measure(scenario: Scenario, among: Contender[], options: Options): Promise<Measured> {
  const measured: Measured = { scenario, rows: [], latency: null, missing: [], troubles: [] };
  const running: Running[] = [];
  const trees: ProcessTree[] = [];
  try {
    for (const contender of among.filter(({ name }) => isAsked(name, options.only))) {
      const version = contender.version();
      if (!version.there) {
        measured.missing.push(`${contender.name}: ${version.why}`);
        continue;
      }
      try {
        const started = await contender.start(options);
        options.started.push(started.tree);
        trees.push(started.tree);
        const ways = readings(scenario, contender);
        await ready(started, ways[0]!.path, scenario);
        for (const reading of ways) {
          const row: Row = { contender: reading.label, version: version.text, rounds: [] };
          running.push({ contender, started, reading, row });
        }
      } catch (error) {
        measured.troubles.push(`${contender.name} did not start: ${(error as Error).message}`);
      }
    }
    measured.rows.push(...running.map(({ row }) => row));
    const rests = await Promise.all(trees.map((tree) => atRest(tree)));
    measured.troubles.push(...rests.filter((words) => words !== null));
    for (let round = 0; round < options.rounds; round++) {
      for (let turn = 0; turn < running.length; turn++) {
        const one = running[(turn + round) % running.length]!;
        one.row.rounds[round] = await load(one, scenario, options, round, measured.troubles);
      }
    }
    if (scenario.openLoop && options.openSeconds > 0) {
      measured.latency = await measureLatency(running, scenario, options, measured.troubles);
    }
  } finally {
    await Promise.all(trees.map((tree) => tree.stop()));
  }
  return measured;
}

/** `go` asks for go-stock and go-tuned, `weir` for every Weir. */
export function isAsked(name: string, only: string[] | null): boolean {
  return only?.some((one) => name === one || name.startsWith(`${one}-`) || name.startsWith(`${one}@`)) ?? true;
}

/** Waits for the right answer: wrk itself would count a wrong one of status 200 or 300 as well. */
async function ready({ tree, port }: Started, path: string, scenario: Scenario): Promise<void> {
  const url = `http://127.0.0.1:${port}${path}`;
  const { method, headers } = scenario;
  const body = Buffer.alloc(scenario.bodyBytes, 'x');
  try {
    await until(
      20_000,
      `an answer of ${url}`,
      async () => {
        if (!tree.running) return true;
        const answer = await get(url, { method, headers, body, ms: 2000 }).catch(() => null);
        return answer?.status === 200 && answer.body.length === scenario.answerBytes;
      },
      50,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${tree.lastWords()}`);
  }
  if (!tree.running) throw new Error(`it ended:\n${tree.lastWords()}`);
}

/** Until all its processes together have used next to no CPU for a while: what a start leaves behind is not the
 * load's. Returns a sentence where they never were. */
async function atRest(tree: ProcessTree): Promise<string | null> {
  const deadline = performance.now() + REST_DEADLINE_MS;
  for (;;) {
    const [before, beforeMs] = [tree.cpuUs(), performance.now()];
    await pause(REST_WINDOW_MS);
    const share = (tree.cpuUs() - before) / 1000 / (performance.now() - beforeMs);
    if (share <= REST_SHARE || !tree.running) return null;
    if (performance.now() > deadline) {
      return `${tree.name} is not at rest ${REST_DEADLINE_MS / 1000} s after its start: ${(share * 100).toFixed(0)} % of a core without any load`;
    }
  }
}

const FAILED: Round = {
  cpuUsPerRequest: Number.NaN,
  requestsPerSecond: Number.NaN,
  p50Ms: Number.NaN,
  p99Ms: Number.NaN,
  rssMb: Number.NaN,
  processes: Number.NaN,
};

async function load(
  { started, reading, row }: Running,
  scenario: Scenario,
  { seconds, connections }: Options,
  round: number,
  found: string[],
): Promise<Round> {
  const { tree, port } = started;
  const url = `http://127.0.0.1:${port}${reading.path}`;
  const { method, headers, bodyBytes } = scenario;
  const asked = { method, headers, bodyBytes, routes: reading.walk, connections };
  const where = `${scenario.name}, ${row.contender}, round ${round + 1}`;
  try {
    await warmUp(url, asked, round);
    const before = tree.cpuUs();
    const driven = await drive(url, { ...asked, seconds });
    const cpuUs = tree.cpuUs() - before;
    const trouble = troubles(driven);
    if (trouble) found.push(`${where}: ${trouble}`);
    if (!tree.running) found.push(`${where}: it ended:\n${tree.lastWords()}`);
    if (driven.requests === 0) return FAILED;
    return {
      cpuUsPerRequest: cpuUs / driven.requests,
      requestsPerSecond: driven.requests / (driven.durationUs / 1e6),
      p50Ms: driven.p50Us / 1000,
      p99Ms: driven.p99Us / 1000,
      rssMb: tree.rssBytes() / 2 ** 20,
      processes: tree.members().length,
    };
  } catch (error) {
    found.push(`${where}: ${(error as Error).message}`);
    return FAILED;
  }
}

/** The first one is long, and as long again as it takes to ask every route of a walk twice: wrk begins a walk anew each time. */
async function warmUp(url: string, asked: Omit<Load, 'seconds'>, round: number): Promise<void> {
  let seconds = round === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS;
  const { requests } = await drive(url, { ...asked, seconds });
  const wanted = FIRST_PASSES * asked.routes;
  if (round > 0 || requests === 0 || requests >= wanted) return;
  seconds = Math.ceil((1.5 * seconds * wanted) / requests);
  await drive(url, { ...asked, seconds });
}
