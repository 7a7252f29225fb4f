// The configuration as it may be shown: in GET /api/config and `weir diff`. What is a secret by its name, and what was
// read from a file, is starred out. Called with plain data, so it works on either side of a thread.
import type { Path } from './fault.ts';
import type { Config } from './schema.ts';

export const REDACTED = '***';
const SECRET_HEADER = /authorization|cookie|token|secret|password|api-?key|credential/i;

/**
 * @param config as loaded
 * @param secrets of the Loaded that it came from: the paths whose values came from files
 * @returns a copy of plain data with the same keys
 */
export function redact(config: Config, secrets: readonly Path[] = []): unknown {
  const out = copy(config, []);
  for (const path of secrets) star(out, path);
  return out;
}

/** A secret by its place alone: the admin token, and headers that carry credentials. */
export function isSecretPath(path: Path): boolean {
  const key = String(path.at(-1));
  if (path[0] === 'admin') return key === 'token';
  if (path[0] !== 'routes' || path[2] !== 'policies' || path[3] !== 'headers') return false;
  return (path[5] === 'set' || path[5] === 'add') && SECRET_HEADER.test(key);
}

function copy(value: unknown, path: (string | number)[]): unknown {
  if (typeof value === 'string') return isSecretPath(path) ? REDACTED : withoutPassword(value);
  if (typeof value !== 'object' || value === null) return value;
  const step = <T>(key: string | number, item: unknown, put: (copied: unknown) => T): T => {
    path.push(key);
    const copied = copy(item, path);
    path.pop();
    return put(copied);
  };
  if (Array.isArray(value)) return value.map((item, at) => step(at, item, (copied) => copied));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => step(key, item, (copied) => [key, copied] as const)),
  );
}

/** `redis://user:secret@host` → `redis://user:***@host` */
export function withoutPassword(text: string): string {
  return text.replace(/(:\/\/[^\s/:@]*:)[^\s/]+(?=@)/g, `$1${REDACTED}`);
}

/** A list may have become shorter or a value converted; what is not there any more needs no star. */
function star(root: unknown, path: Path): void {
  let holder = root;
  for (const step of path.slice(0, -1)) holder = (holder as Record<string | number, unknown> | undefined)?.[step];
  const key = path.at(-1);
  if (typeof holder !== 'object' || holder === null || key === undefined) return;
  const names = Object.keys(holder);
  // header names are lower-cased on the way in
  const name = names.find((candidate) => candidate.toLowerCase() === String(key).toLowerCase());
  if (name !== undefined) (holder as Record<string, unknown>)[name] = REDACTED;
}
