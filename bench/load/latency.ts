// Latency under an open loop: every contender, and the origin without any, at one and the same rate in turn. Called by
// measure.ts once the closed loop has shown what each can do.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from './figures.ts';
import type { Options, Running } from './measure.ts';
import type { OpenLoopResult } from './open-loop.ts';
import type { Scenario } from './scenarios.ts';

export interface LatencyRow {
  /** `direct` is the origin itself */
  contender: string;
  /** null where the round failed, so that a round has the same index in every row */
  rounds: (OpenLoopResult | null)[];
}

export interface Latency {
  /** requests a second */
  rate: number;
  /** whose capacity it is half of, or less; null: the rate was asked for */
  halfOf: string | null;
  /** direct first */
  rows: LatencyRow[];
}

export const DIRECT = 'direct';

const WARM_UP_SECONDS = 1;
/** A request costs the generator 60 to 190 µs: beyond this it would take from the contender what it measures. */
const RATE_MAX = 4000;
const PROGRAM = fileURLToPath(new URL('open-loop.ts', import.meta.url));
const run = promisify(execFile);

export async function measureLatency(
  running: Running[],
  scenario: Scenario,
  options: Options,
  found: string[],
): Promise<Latency | null> {
  const chosen = chooseRate(running, options.rate);
  if (chosen === null) return null;
  const targets = [
    { row: { contender: DIRECT, rounds: [] } as LatencyRow, port: options.originPort, path: scenario.path },
    ...running.map(({ row, started, reading }) => ({
      row: { contender: row.contender, rounds: [] } as LatencyRow,
      port: started.port,
      path: reading.path,
    })),
  ];
  for (let round = 0; round < options.rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      const { row, port, path } = targets[(turn + round) % targets.length]!;
      const where = `${scenario.name}, ${row.contender}, open loop, round ${round + 1}`;
      try {
        const result = await ask(port, path, chosen.rate, scenario, options);
        if (result.failed > 0) found.push(`${where}: ${result.failed} failed; the first: ${result.failure}`);
        row.rounds[round] = result;
      } catch (error) {
        found.push(`${where}: ${(error as Error).message}`);
        row.rounds[round] = null;
      }
    }
  }
  return { ...chosen, rows: targets.map(({ row }) => row) };
}

/** Half of what the slowest did in the closed loop, within what the generator can do; null when none did anything. */
function chooseRate(running: Running[], rate: number | null): Omit<Latency, 'rows'> | null {
  if (rate !== null) return { rate, halfOf: null };
  const able = running
    .map(({ row }) => ({ name: row.contender, capacity: median(row.rounds.map((round) => round.requestsPerSecond)) }))
    .filter(({ capacity }) => capacity >= 2)
    .sort((a, b) => a.capacity - b.capacity);
  const slowest = able[0];
  return slowest === undefined
    ? null
    : { rate: Math.min(RATE_MAX, Math.floor(slowest.capacity / 2)), halfOf: slowest.name };
}

async function ask(
  port: number,
  path: string,
  rate: number,
  { method, headers, bodyBytes }: Scenario,
  { connections, openSeconds }: Options,
): Promise<OpenLoopResult> {
  const numbers = { port, rate, connections, seconds: openSeconds, 'warm-up': WARM_UP_SECONDS, body: bodyBytes };
  const { stdout } = await run(
    process.execPath,
    [
      ...['--disable-warning=ExperimentalWarning', PROGRAM, '--path', path, '--method', method],
      ...Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]),
      ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    ],
    { timeout: (openSeconds + 20) * 1000, killSignal: 'SIGKILL' },
  );
  return JSON.parse(stdout) as OpenLoopResult;
}
