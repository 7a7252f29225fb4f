// The door. Decides what this process is (a worker of the cluster, or a command that somebody typed) and hands over;
// everything past the role is loaded lazily, so `weir --version` does not pay for the gateway.
import './early-signals.ts';
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Command, Io } from './commands/command.ts';

const COMMANDS: Record<string, { summary: string; load: () => Promise<Command> }> = {
  run: { summary: 'the gateway, in the foreground', load: () => import('./commands/run.ts') },
  check: { summary: 'every fault of a config file at once', load: () => import('./commands/check.ts') },
  explain: { summary: 'the route that a request takes, and why', load: () => import('./commands/explain.ts') },
  diff: { summary: 'what a reload would change', load: () => import('./commands/diff.ts') },
  schema: { summary: 'the JSON Schema of the config', load: () => import('./commands/schema.ts') },
  reload: { summary: 'makes the running gateway read its config again', load: () => import('./commands/reload.ts') },
  status: { summary: 'what the running gateway is doing', load: () => import('./commands/status.ts') },
  drain: { summary: 'lets the running gateway finish and exit', load: () => import('./commands/drain.ts') },
};

if (cluster.isPrimary) await enter(process.argv.slice(2));
else await work();

async function work(): Promise<void> {
  const [{ startWorker }, { pack }] = await Promise.all([import('./worker/start.ts'), import('./shared/messages.ts')]);
  await startWorker();
  // what comes over the channel before somebody listens is lost: the primary waits for this
  process.send?.(pack({ type: 'hello' }));
}

async function enter(argv: string[]): Promise<void> {
  const noColour = (process.env['NO_COLOR'] ?? '') !== '';
  const io: Io = {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    colour: !noColour && process.stdout.isTTY === true && process.stderr.isTTY === true,
  };
  // a reader that went away (`weir status | head`) is no reason to fail
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  let code: number;
  try {
    code = await dispatch(argv, io);
  } catch (error) {
    code = report(error, io);
  }
  // pipes are written asynchronously: exit only once they took everything
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

async function dispatch(argv: string[], io: Io): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? io.stderr : io.stdout).write(usage());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v' || name === '-V') {
    io.stdout.write(`${version()}\n`);
    return 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!entry) {
    const near = await nearestCommand(name);
    io.stderr.write(`weir: '${name}' is no command${near ? `, did you mean '${near}'?` : '.'} See 'weir --help'.\n`);
    return 2;
  }
  const command = await entry.load();
  const optionsEnd = args.indexOf('--');
  const options = optionsEnd < 0 ? args : args.slice(0, optionsEnd);
  if (options.includes('--help') || options.includes('-h')) {
    io.stdout.write(command.usage.endsWith('\n') ? command.usage : `${command.usage}\n`);
    return 0;
  }
  return command.run(args, io);
}

/** One sentence for what the operator can mend; a stack for what only we can, or when WEIR_DEBUG asks for it. */
function report(error: unknown, io: Io): number {
  const known = error instanceof Error && error.name === 'OperatorError';
  const { exitCode = 1 } = error as { exitCode?: number };
  if (known && !io.env['WEIR_DEBUG']) io.stderr.write(`weir: ${error.message}\n`);
  else io.stderr.write(`weir: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return known ? exitCode : 1;
}

function usage(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const table = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'Weir, an API gateway for one large VM.',
    '',
    'Usage: weir COMMAND [options]',
    '',
    ...table,
    '',
    "'weir COMMAND --help' tells the options. Exit codes: 0, 1 failed, 2 wrong usage, 78 bad config.",
    '',
  ].join('\n');
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The one command that is at most two edits away, or null. */
async function nearestCommand(word: string): Promise<string | null> {
  const { editDistance } = await import('./shared/config/nearest.ts');
  const ranked = Object.keys(COMMANDS)
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best && best.distance <= 2 ? best.candidate : null;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else {
      stream.once('error', () => resolve());
      stream.write('', () => resolve());
    }
  });
}
