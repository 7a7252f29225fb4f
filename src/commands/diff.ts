// `weir diff OLD NEW`: what a reload from one configuration to the other would change, in routes, upstreams and
// policies instead of lines.
import { type Change, difference } from '../shared/config/difference.ts';
import { formatFault } from '../shared/config/fault.ts';
import { type Loaded, loadConfigFile } from '../shared/config/load.ts';
import { EXIT_CONFIG, EXIT_OK, type Io, parseOptions, usageError } from './command.ts';

export const name = 'diff';
export const summary = 'what a reload would change';
export const usage = `Usage: weir diff OLD NEW [--json]

Compares two configurations by what they mean: listeners, upstreams, routes and their policies that were added, removed
or changed, and every other option, with the old and the new value. Comments, order and spelling make no difference.

  --json    one object: changed, and a list of changes

Exit codes: 0 compared (with or without changes), 2 wrong usage, 78 one of the configs has faults.
`;

type Good = Loaded & { ok: true };

export async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions(
    args,
    { options: { json: { type: 'boolean', default: false } }, allowPositionals: true },
    name,
  );
  const [oldFile, newFile, ...more] = positionals;
  if (oldFile === undefined || newFile === undefined || more.length > 0)
    throw usageError('Two config files are needed.', name);

  const before = load(oldFile, io);
  const after = load(newFile, io);
  if (before === null || after === null) return EXIT_CONFIG;
  const changes = difference(before, after);
  if (values.json) io.stdout.write(`${JSON.stringify({ changed: changes.length > 0, changes }, null, 2)}\n`);
  else print(changes, io);
  return EXIT_OK;
}

function load(file: string, io: Io): Good | null {
  const loaded = loadConfigFile(file, io.env);
  if (loaded.ok) return loaded;
  for (const fault of loaded.faults) io.stderr.write(`${formatFault(fault, io.colour)}\n`);
  return null;
}

const SIGN: Record<Change['change'], { sign: string; tint: string }> = {
  added: { sign: '+', tint: '32' },
  removed: { sign: '-', tint: '31' },
  changed: { sign: '~', tint: '33' },
};

function print(changes: readonly Change[], io: Io): void {
  if (changes.length === 0) {
    io.stdout.write('No change.\n');
    return;
  }
  for (const change of changes) {
    const { sign, tint } = SIGN[change.change];
    const effect = change.effect === null ? '' : `   (${change.effect})`;
    const head = change.kind === 'setting' ? '' : `${change.kind} ${change.name}${effect}`;
    const mark = io.colour ? `\x1b[${tint}m${sign}\x1b[0m` : sign;
    if (head !== '') io.stdout.write(`${mark} ${head}\n`);
    for (const { option, from, to } of change.options) {
      const line = `${option === '' ? change.name : option}: ${from ?? '(absent)'} → ${to ?? '(absent)'}`;
      io.stdout.write(head === '' ? `${mark} ${line}\n` : `    ${line}\n`);
    }
  }
  const count = (kind: Change['change']) => changes.filter(({ change }) => change === kind).length;
  io.stdout.write(`${count('added')} added, ${count('removed')} removed, ${count('changed')} changed.\n`);
}
