// The tree as the tidy tests see it: which files there are, what each says, whom each imports. Imports are read with
// patterns and not with a parser: the formatter gives them one shape.
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Import {
  /** as written */
  specifier: string;
  /** path from the root for a relative one; null for a package or a builtin */
  file: string | null;
  /** `static`: loaded with the importer; `type`: gone at run time; `lazy`: import(), require, new URL(…, import.meta.url) */
  kind: 'static' | 'type' | 'lazy';
}

export interface SourceFile {
  /** from the root, with `/` */
  path: string;
  text: string;
  lines: string[];
  imports: Import[];
}

const STATIC = /^(?:import|export)\s+(type\s+)?(?:[^'"=;()]*?\bfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /(typeof\s+)?\bimport\(\s*'([^']+)'\s*\)/g;
const REQUIRED = /(?:\brequire|\bcreateRequire\([^)]*\))\(\s*'([^']+)'\s*\)/g;
const LOCATED = /\bnew URL\(\s*'([^']+\.ts)',\s*import\.meta\.url\s*\)/g;

/** All .ts files under these folders of the root, in order; folders that do not exist hold none. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders.flatMap((folder) => filesUnder(folder, '.ts')).map(readSource);
}

/** Paths from the root of all files under a folder that end so. */
export function filesUnder(folder: string, ending: string): string[] {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

function list(folder: string) {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, lines: text.trimEnd().split('\n'), imports: readImports(path, text) };
}

export function readImports(path: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, kind: Import['kind']) => {
    const relativeOne = specifier.startsWith('.') || (kind === 'lazy' && specifier.endsWith('.ts'));
    const file = relativeOne ? join(dirname(path), specifier).replaceAll('\\', '/') : null;
    found.push({ specifier, file, kind });
  };
  for (const [, type, specifier] of text.matchAll(STATIC)) add(specifier!, type ? 'type' : 'static');
  for (const [, type, specifier] of text.matchAll(DYNAMIC)) add(specifier!, type ? 'type' : 'lazy');
  for (const [, specifier] of text.matchAll(REQUIRED)) add(specifier!, 'lazy');
  for (const [, specifier] of text.matchAll(LOCATED)) add(specifier!, 'lazy');
  return found;
}

/** `@scope/name` or `name` of a bare specifier; null for a relative one or a builtin. */
export function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || isBuiltin(specifier) || specifier.endsWith('.ts')) return null;
  const [first, second] = specifier.split('/');
  return first!.startsWith('@') ? `${first}/${second}` : first!;
}

/** The message of a failed rule: what should hold, and one line for each breach. */
export function breaches(rule: string, found: string[]): string {
  return `${rule}:\n  ${found.join('\n  ')}`;
}
