// Which room may import which. The tables here are the house plan; docs/architecture.md shows the same in words.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { breaches, ROOT, readImports, type SourceFile, sourceFiles } from './tree.ts';

/** Room → rooms whose files it may import. A room is a file, a folder with all below it, or `folder/*` without. */
const HOUSE: Record<string, readonly string[]> = {
  'src/shared': ['src/shared'],
  'src/worker': ['src/worker', 'src/shared'],
  'src/primary': ['src/primary', 'src/shared', 'src/early-signals.ts'],
  'src/commands': ['src/commands', 'src/primary', 'src/worker', 'src/shared', 'src/early-signals.ts'],
  'src/early-signals.ts': [],
  'src/main.ts': ['src'],
};

const TABLES = 'src/shared/*';

/** Inside shared: the tables at its top know no room; memory and config do not know each other; algo is pure. */
const SHARED: Record<string, readonly string[]> = {
  'src/shared/memory': ['src/shared/memory', TABLES],
  'src/shared/config': ['src/shared/config', TABLES],
  'src/shared/algo': ['src/shared/algo'],
  [TABLES]: [TABLES],
};

/** The data plane in the order of a request. A file may import its own floor and those further down, never one above. */
const WORKER_FLOORS: readonly (readonly string[])[] = [
  ['start'],
  ['server'],
  ['proxy'],
  ['route'],
  ['policies'],
  ['upstream'],
  ['observe', 'limiter'],
];

function isIn(path: string, room: string): boolean {
  if (room.endsWith('/*')) return path.startsWith(room.slice(0, -1)) && !path.slice(room.length - 1).includes('/');
  return path === room || path.startsWith(`${room}/`);
}

/** Every import of a file in one of the rooms that the table does not allow, and every file that no room of it holds. */
function trespasses(files: SourceFile[], table: Record<string, readonly string[]>): string[] {
  const found: string[] = [];
  for (const { path, imports } of files) {
    const room = Object.keys(table).find((candidate) => isIn(path, candidate));
    if (room === undefined) found.push(`${path} lies in no room of the plan`);
    for (const { file } of imports) {
      if (room === undefined || file === null || !file.startsWith('src/')) continue;
      if (!table[room]!.some((allowed) => isIn(file, allowed))) found.push(`${path} imports ${file}`);
    }
  }
  return found;
}

function workerFloor(path: string): { name: string; depth: number } {
  const rest = path.slice('src/worker/'.length);
  const name = rest.includes('/') ? rest.slice(0, rest.indexOf('/')) : 'start';
  return { name, depth: WORKER_FLOORS.findIndex((floor) => floor.includes(name)) };
}

function climbs(files: SourceFile[]): string[] {
  const found: string[] = [];
  for (const { path, imports } of files) {
    const from = workerFloor(path);
    if (from.depth < 0) found.push(`${path} lies on no floor of the plan`);
    for (const { file } of imports) {
      if (!file?.startsWith('src/worker/')) continue;
      const to = workerFloor(file);
      if (to.name !== from.name && to.depth <= from.depth) found.push(`${path} imports ${file}`);
    }
  }
  return found;
}

function pretend(path: string, text: string): SourceFile {
  return { path, text, lines: text.split('\n'), imports: readImports(path, text) };
}

test('primary and worker do not know each other, and shared knows neither', () => {
  const found = trespasses(sourceFiles('src'), HOUSE);
  assert.deepEqual(found, [], breaches('an import leaves the rooms that its own may see', found));
});

test('inside shared, memory and config stay apart and the tables stand alone', () => {
  const found = trespasses(sourceFiles('src/shared'), SHARED);
  assert.deepEqual(found, [], breaches('an import leaves its room of src/shared', found));
});

test('inside the worker no import runs back up the way of a request', () => {
  const found = climbs(sourceFiles('src/worker'));
  assert.deepEqual(found, [], breaches('an import runs back up', found));
});

test('every import ends in .ts at a file that exists', () => {
  const found: string[] = [];
  for (const { path, imports } of sourceFiles('src', 'test', 'bench', 'scripts')) {
    if (path === 'test/tidy/floors.test.ts') continue; // its examples are no imports
    for (const { file, specifier } of imports) {
      if (file !== null && !existsSync(join(ROOT, file))) found.push(`${path}: ${specifier}`);
    }
  }
  assert.deepEqual(found, [], breaches('an import leads nowhere', found));
});

test('no circle of files that load each other', () => {
  const files = new Map(sourceFiles('src').map((file) => [file.path, file]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: string[]) => {
    const at = way.indexOf(path);
    if (at >= 0) circles.push([...way.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const { file, kind } of files.get(path)?.imports ?? []) {
      if (file !== null && kind === 'static') visit(file, [...way, path]);
    }
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  assert.deepEqual(circles, [], breaches('files load each other in a circle', circles));
});

test('the rules above see what they forbid', () => {
  const seen = (path: string, text: string) => trespasses([pretend(path, text)], HOUSE).length;
  assert.equal(seen('src/worker/start.ts', "import { x } from '../primary/supervisor.ts';"), 1);
  assert.equal(seen('src/worker/start.ts', "import type {\n  X,\n} from '../primary/supervisor.ts';"), 1);
  assert.equal(seen('src/primary/a/b.ts', "const x = await import('../../worker/start.ts');"), 1);
  assert.equal(seen('src/primary/a/b.ts', "new URL('../../worker/start.ts', import.meta.url)"), 1);
  assert.equal(seen('src/shared/plan.ts', "export { x } from '../worker/start.ts';"), 1);
  assert.equal(seen('src/shared/plan.ts', "import './errors.ts';"), 0);
  assert.equal(seen('src/elsewhere/x.ts', ''), 1);
  const climbing = (path: string, text: string) => climbs([pretend(path, text)]).length;
  assert.equal(climbing('src/worker/upstream/pool.ts', "import { x } from '../proxy/exchange.ts';"), 1);
  assert.equal(climbing('src/worker/observe/counters.ts', "import { x } from '../limiter/limiter.ts';"), 1);
  assert.equal(climbing('src/worker/route/router.ts', "import { x } from '../start.ts';"), 1);
  assert.equal(climbing('src/worker/proxy/exchange.ts', "import { x } from '../upstream/pool.ts';"), 0);
});
