// What every file of ours looks like from outside: its name, its head, its length, its exports.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { breaches, ROOT, type SourceFile, sourceFiles } from './tree.ts';

const LINES_MAX = 400;
/** Files that may be longer, each with the reason why it is one story that a cut would not make easier to read. */
const LONG: Record<string, string> = {
  'src/worker/proxy/exchange.ts': 'all control flow of a request in one class, in the order in which it happens',
};

/** One honest sentence; a layout or a state machine may draw as much as it needs. */
const HEADER_CHARACTERS_MIN = 60;

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.ts$/;
/** Names that say nothing about what is inside. */
const HOLLOW = /^(utils?|misc|common|helpers?|stuff|index)\.ts$/;

const UNFINISHED = /\b(TODO|FIXME|XXX)\b/;
const DEFAULT_EXPORT = /^export default\b|^export \{[^}]*\bas default\b/m;
const ENUM = /^\s*(export |declare |const )*enum \w/m;
const NARROWED_RUN = /\b(test|it|describe|suite)\.only\(|\bonly: true\b/;

/** Paths whose file breaks a rule. */
function breaking(files: SourceFile[], rule: (file: SourceFile) => boolean): string[] {
  return files.filter(rule).map(({ path }) => path);
}

function header({ lines }: SourceFile): string {
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines.slice(0, end).join('\n');
}

test('file names are kebab-case and say what is inside', () => {
  const all = sourceFiles('src', 'test', 'bench', 'scripts');
  assert.ok(all.length > 50, `only ${all.length} files found`);
  const odd = breaking(all, ({ path }) => !KEBAB.test(basename(path)));
  assert.deepEqual(odd, [], breaches('not kebab-case', odd));
  const hollow = breaking(sourceFiles('src'), ({ path }) => HOLLOW.test(basename(path)));
  assert.deepEqual(hollow, [], breaches('a name that could hold anything', hollow));
});

test('every source file begins with what it is and who calls it', () => {
  const found = breaking(sourceFiles('src'), (file) => header(file).length < HEADER_CHARACTERS_MIN);
  assert.deepEqual(found, [], breaches('does not begin with a header comment of //', found));
});

test('no file is longer than one sitting', () => {
  const found = sourceFiles('src')
    .filter(({ path, lines }) => lines.length >= LINES_MAX && LONG[path] === undefined)
    .map(({ path, lines }) => `${path}: ${lines.length} lines`);
  assert.deepEqual(found, [], breaches(`${LINES_MAX} lines or more; split it, or give a reason in LONG`, found));
  const stale = Object.keys(LONG).filter(
    (path) => !sourceFiles('src').some((file) => file.path === path && file.lines.length >= LINES_MAX),
  );
  assert.deepEqual(stale, [], breaches('no longer long: take it out of LONG', stale));
});

test('no default export and no enum', () => {
  const all = sourceFiles('src', 'test', 'bench', 'scripts');
  const defaults = breaking(all, ({ text }) => DEFAULT_EXPORT.test(text));
  assert.deepEqual(defaults, [], breaches('a default export has as many names as importers', defaults));
  const enums = breaking(all, ({ text }) => ENUM.test(text));
  assert.deepEqual(enums, [], breaches('an enum does not survive type stripping', enums));
});

test('nothing is left unfinished in the source', () => {
  const found = sourceFiles('src').flatMap(({ path, lines }) =>
    lines.flatMap((line, i) => (UNFINISHED.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
  );
  assert.deepEqual(found, [], breaches('do it, or write down elsewhere that it is not done', found));
});

test('tests mirror the source, and none is singled out', () => {
  const tests = sourceFiles('test');
  const rooms = tests
    .map(({ path }) => dirname(path))
    .filter((folder) => /^test\/(shared|primary|worker|commands)(\/|$)/.test(folder));
  // programs that a story starts lie in `children` beside it
  const strays = [...new Set(rooms)].filter(
    (folder) => basename(folder) !== 'children' && !existsSync(join(ROOT, folder.replace(/^test/, 'src'))),
  );
  assert.deepEqual(strays, [], breaches('a folder of tests for a room that does not exist', strays));
  const self = 'test/tidy/files.test.ts';
  const narrowed = breaking(tests, ({ path, text }) => path !== self && NARROWED_RUN.test(text));
  assert.deepEqual(narrowed, [], breaches('only this test would run', narrowed));
});

test('the rules above see what they forbid', () => {
  assert.ok(!KEBAB.test('PoolGate.ts') && !KEBAB.test('pool_gate.ts') && KEBAB.test('pool-gate.property.test.ts'));
  assert.ok(HOLLOW.test('utils.ts') && !HOLLOW.test('fault.ts'));
  assert.ok(DEFAULT_EXPORT.test('const a = 1;\nexport default a;') && DEFAULT_EXPORT.test('export { a as default };'));
  assert.ok(ENUM.test('export const enum A { B }') && !ENUM.test('// an enum is not wanted'));
  assert.ok(UNFINISHED.test('// TODO: later') && !UNFINISHED.test('// METHODOLOGY'));
});
