// Turns what zod found into findings in Weir's own words: one for each fault, at the path that is to be mended.
// Called by the loader.
import type * as z from 'zod';
import type { Path } from './fault.ts';
import { didYouMean } from './nearest.ts';
import type { Finding } from './source.ts';
import { keysAt } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** Words for the issues that the schema has no words of its own for; given to zod with each parse. */
export function wordIssue(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === null
        ? 'has no value'
        : `must be ${KIND[String(issue.expected)] ?? String(issue.expected)}, not ${kindOf(issue.input)}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of: ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return issue.origin === 'array'
        ? `must have at least ${issue.minimum} ${issue.minimum === 1 ? 'entry' : 'entries'}`
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `must have at most ${issue.maximum} entries`;
      return issue.origin === 'string'
        ? `must have at most ${issue.maximum} characters`
        : `must be at most ${issue.maximum}`;
    default:
      // a union without words of its own is told by its branches, see flatten()
      return '';
  }
}

export function toFindings(issues: readonly Issue[], root: unknown): Finding[] {
  return flatten(issues, []).flatMap((issue) => findingsOf(issue, issue.path as Path, root));
}

function findingsOf(issue: Issue, path: Path, root: unknown): Finding[] {
  const value = valueAt(root, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key));
    case 'invalid_key':
      return [
        {
          severity: 'error',
          path,
          atKey: true,
          message: issue.issues[0]?.message ?? 'is not a possible key',
          hint: hintOf(issue.issues[0]),
        },
      ];
    case 'invalid_type':
      if (value === undefined) return [missing(path)];
      return [error(path, issue.message, typeHint(issue, value))];
    case 'invalid_value':
      if (value === undefined) return [missing(path)];
      return [
        error(path, issue.message, typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : null),
      ];
    case 'invalid_union':
      if (value === undefined) return [missing(path)];
      return [error(path, value === null ? 'has no value' : issue.message, null)];
    default:
      return [error(path, issue.message === '' ? 'is not valid' : issue.message, hintOf(issue))];
  }
}

/** A union's issue becomes those of the branch that the value was meant for: the one whose outer type fits. */
function flatten(issues: readonly Issue[], prefix: Path): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const path = [...prefix, ...issue.path] as PropertyKey[];
    if (issue.code !== 'invalid_union' || issue.message !== '') return [{ ...issue, path } as Issue];
    const meant = issue.errors.find((branch) =>
      branch.every((inner) => inner.path.length > 0 || inner.code !== 'invalid_type'),
    );
    if (meant !== undefined) return flatten(meant, path as Path);
    const kinds = issue.errors.flatMap((branch) =>
      branch.map((inner) => (inner.code === 'invalid_type' ? (KIND[inner.expected] ?? inner.expected) : '')),
    );
    return [
      { ...issue, path, message: `must be ${[...new Set(kinds)].filter((kind) => kind !== '').join(' or ')}` } as Issue,
    ];
  });
}

function unknownKey(path: Path, key: string): Finding {
  const known = keysAt(path);
  let hint = didYouMean(key, known);
  if (key === '<<') hint = 'Merge keys are not read; an alias as a whole value (key: *name) is.';
  else if (hint === null && known.length > 0) hint = `Possible here: ${known.join(', ')}.`;
  return { severity: 'error', path: [...path, key], atKey: true, message: 'is not an option', hint };
}

function missing(path: Path): Finding {
  const key = path.at(-1);
  return error(path.slice(0, -1), `needs ${typeof key === 'string' ? `"${key}"` : 'a value'}`, null);
}

function typeHint(issue: Issue, value: unknown): string | null {
  if (value === null) return 'Give it a value, or remove the key.';
  const expected = issue.code === 'invalid_type' ? issue.expected : '';
  if (
    expected === 'string' &&
    (typeof value === 'number' || typeof value === 'boolean') &&
    issue.message.startsWith('must be text')
  ) {
    return 'Put it in quotes.';
  }
  return null;
}

function error(path: Path, message: string, hint: string | null): Finding {
  return { severity: 'error', path, message, hint };
}

function hintOf(issue: Issue | undefined): string | null {
  if (issue?.code !== 'custom') return null;
  const hint = issue.params?.['hint'];
  return typeof hint === 'string' ? hint : null;
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

const KIND: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of options',
  record: 'a block of options',
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number';
  return KIND[typeof value] ?? typeof value;
}
