// `weir check FILE`: every fault of a configuration at once, each with its place, or one line that says it is good.
import { formatFault } from '../shared/config/fault.ts';
import { type Loaded, loadConfigFile } from '../shared/config/load.ts';
import { EXIT_CONFIG, EXIT_OK, type Io, parseOptions, usageError } from './command.ts';

export const name = 'check';
export const summary = 'every fault of a config file at once';
export const usage = `Usage: weir check FILE [--json]

Reads a configuration as 'weir run' would, and prints every fault as file:line:col with the line, a caret and, where
there is one, a hint. Nothing is started and no address is opened.

  --json    one object: ok, errors, warnings, and what was read

Exit codes: 0 good (warnings are possible), 2 wrong usage, 78 the config has faults.
`;

export async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions(
    args,
    { options: { json: { type: 'boolean', default: false } }, allowPositionals: true },
    name,
  );
  const [file, ...more] = positionals;
  if (file === undefined) throw usageError('A config file is needed.', name);
  if (more.length > 0) throw usageError('Only one config file can be checked at a time.', name);

  const loaded = loadConfigFile(file, io.env);
  if (values.json) io.stdout.write(`${JSON.stringify(asJson(file, loaded), null, 2)}\n`);
  else printFaults(file, loaded, io);
  return loaded.ok ? EXIT_OK : EXIT_CONFIG;
}

function asJson(file: string, loaded: Loaded): object {
  const errors = loaded.ok ? [] : loaded.faults;
  const read = loaded.ok ? { hash: loaded.hash, ...counts(loaded) } : {};
  return { ok: loaded.ok, file, ...read, errors, warnings: loaded.warnings };
}

function printFaults(file: string, loaded: Loaded, io: Io): void {
  const faults = [...(loaded.ok ? [] : loaded.faults), ...loaded.warnings].sort(
    (a, b) => a.line - b.line || a.col - b.col,
  );
  for (const fault of faults) io.stdout.write(`${formatFault(fault, io.colour)}\n\n`);
  const warnings = loaded.warnings.length === 0 ? '' : `, ${plural(loaded.warnings.length, 'warning')}`;
  if (!loaded.ok) {
    io.stdout.write(`${file}: ${plural(loaded.faults.length, 'error')}${warnings}\n`);
    return;
  }
  const { listeners, upstreams, routes } = counts(loaded);
  const read = [plural(listeners, 'listener'), plural(upstreams, 'upstream'), plural(routes, 'route')].join(', ');
  io.stdout.write(`${file}: good (${read}${warnings})\n`);
}

function counts(loaded: Loaded & { ok: true }): { listeners: number; upstreams: number; routes: number } {
  const { listeners, upstreams, routes } = loaded.config;
  return { listeners: listeners.length, upstreams: Object.keys(upstreams).length, routes: routes.length };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
