// `weir run`: the gateway in the foreground. This process is the primary; it forks the workers, and with --demo the
// origins to try it with. Everything past the options is src/primary.
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Primary, type Ready } from '../primary/primary.ts';
import { PlanLoader } from '../primary/reload/plan-loader.ts';
import { formatFault } from '../shared/config/fault.ts';
import { OperatorError } from '../shared/errors.ts';
import { createLogger } from '../shared/log.ts';
import { EXIT_CONFIG, EXIT_OK, type Io, parseOptions, usageError } from './command.ts';
import type { DemoMessage } from './demo.ts';

export const name = 'run';
export const summary = 'the gateway, in the foreground';
export const usage = `Usage: weir run --config FILE [--workers N] [--demo]

Runs the gateway until SIGTERM or SIGINT, which let it finish what is in flight (a second one ends it at once).
SIGUSR1 and SIGHUP make it read the config again.

  --config FILE   the configuration, YAML or JSON
  --workers N     this many workers, whatever the config says
  --demo          starts three origins on ports 9001 (healthy), 9002 (slow) and 9003 (failing) as well

Environment: WEIR_LOG (level of the log, default info), WEIR_RUNTIME_DIR (where the control segment lies).
`;

const WORKERS_MAX = 512;

export async function run(args: string[], io: Io): Promise<number> {
  const { values } = parseOptions(
    args,
    { options: { config: { type: 'string' }, workers: { type: 'string' }, demo: { type: 'boolean', default: false } } },
    name,
  );
  if (values.config === undefined) throw usageError('--config FILE is missing.', name);
  const workers = workerCount(values.workers);
  const loader = new PlanLoader(io.env);
  const outcome = await loader.load(values.config);
  if (!outcome.ok) {
    await loader.close();
    for (const fault of [...outcome.warnings, ...outcome.faults]) {
      io.stderr.write(`${formatFault(fault, io.colour)}\n`);
    }
    return EXIT_CONFIG;
  }
  const options = {
    configFile: values.config,
    workers,
    version: packageVersion(),
    // the door that we came in by: src/main.ts, or dist/main.js when compiled
    workerMain: process.argv[1] as string,
    loader,
    log: createLogger('primary', 0),
    env: io.env,
  };
  const primary = new Primary(options, outcome.plan);
  const demo = values.demo ? startDemo() : null;
  try {
    await primary.run(async (ready) => {
      await demo?.ready;
      io.stdout.write(readyText(ready, options.version, values.demo));
    });
  } finally {
    demo?.child.kill();
  }
  return EXIT_OK;
}

function workerCount(text: string | undefined): number | null {
  if (text === undefined) return null;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= WORKERS_MAX) return count;
  throw usageError(`--workers ${text} is not a number from 1 to ${WORKERS_MAX}.`, name);
}

/** What programs wait for: the first line, then one line for each address. */
function readyText({ workers, routes, listeners, admin }: Ready, version: string, demo: boolean): string {
  const lines = [
    `weir ${version} ready: ${workers} workers, ${routes} routes, pid ${process.pid}`,
    ...listeners.map((listener) => `  gateway  ${httpUrl(listener)}`),
    `  admin    ${httpUrl(admin)}`,
  ];
  const [first] = listeners;
  if (demo && first) lines.push(...tries(httpUrl(first), httpUrl(admin)));
  return `${lines.join('\n')}\n`;
}

/** For config/gateway.yaml. */
function tries(gateway: string, admin: string): string[] {
  return [
    'Try:',
    `  curl -i ${gateway}/`,
    `  curl -i ${gateway}/slow`,
    `  curl -i ${gateway}/failing`,
    `  curl -s ${admin}/metrics | grep ^http_requests_total`,
  ];
}

function httpUrl({ host, port }: { host: string; port: number }): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** A process of its own: an origin that shares the primary's loop would be a poor one. It ends with us. */
function startDemo(): { child: ChildProcess; ready: Promise<void> } {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = fork(fileURLToPath(new URL(`./demo.${extension}`, import.meta.url)));
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: DemoMessage) => {
      if (message.type === 'demo_ready') resolve();
      else reject(new OperatorError(message.message));
    });
    child.once('error', reject);
    child.once('exit', () => reject(new OperatorError('The demo origins did not start.')));
  });
  // whoever awaits it later hears of it; until then it is no unhandled rejection
  ready.catch(() => {});
  return { child, ready };
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
