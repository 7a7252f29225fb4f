// package.json against what the source imports: nothing undeclared, nothing unused, native code in named files only.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { breaches, packageOf, ROOT, sourceFiles } from './tree.ts';

interface Manifest {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** Development packages that nothing imports. */
const TOOLS: Record<string, string> = {
  node: 'the Node 24 that npm puts first on the PATH of every script',
  typescript: 'tsc, of `npm run check`',
  '@biomejs/biome': 'biome, of `npm run lint`',
  '@types/node': 'read by tsc',
};

/** Dependencies that the source does not import yet, each with what will. The line goes with the first import. */
const AWAITED: Record<string, string> = {
  ioredis: 'limits over many hosts',
  '@opentelemetry/api': 'tracing',
};

/** A wrong prototype in native code ends the process, so it lives in few files, each tested by itself. */
const NATIVE: Record<string, string> = {
  'src/shared/memory/mapping.ts': 'maps the control segment; the only file that knows how memory is had',
  'src/primary/signal-mask.ts': 'one call of pthread_sigmask, which Node does not offer',
};

/** Modules of Node that it does not document: they may change with any release, so one file each knows how. */
const UNDOCUMENTED: Record<string, string> = {
  'src/worker/server/request-parser.ts': 'the HTTP parser under node:http, without the streams on top of it',
};

/** package → files that import it */
function importers(...folders: string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, imports } of sourceFiles(...folders)) {
    for (const name of new Set(imports.map(({ specifier }) => packageOf(specifier)))) {
      if (name !== null) found.set(name, [...(found.get(name) ?? []), path]);
    }
  }
  return found;
}

test('every package that the gateway imports is a declared dependency', () => {
  const undeclared = [...importers('src')].filter(([name]) => !(name in manifest.dependencies));
  const found = undeclared.map(([name, files]) => `${name} (${files.join(', ')})`);
  assert.deepEqual(found, [], breaches('missing from "dependencies"', found));
});

test('every package that tests, benches and scripts import is declared', () => {
  const declared = { ...manifest.dependencies, ...manifest.devDependencies };
  const undeclared = [...importers('test', 'bench', 'scripts')].filter(([name]) => !(name in declared));
  const found = undeclared.map(([name, files]) => `${name} (${files.join(', ')})`);
  assert.deepEqual(found, [], breaches('missing from "devDependencies"', found));
});

test('every declared dependency is used', () => {
  const used = importers('src');
  const found = Object.keys(manifest.dependencies).filter((name) => !used.has(name) && !(name in AWAITED));
  assert.deepEqual(found, [], breaches('in "dependencies", but nothing in src imports it', found));
  const arrived = Object.keys(AWAITED).filter((name) => used.has(name) || !(name in manifest.dependencies));
  assert.deepEqual(arrived, [], breaches('no longer awaited: take it out of AWAITED', arrived));
  const usedAnywhere = importers('src', 'test', 'bench', 'scripts');
  const idle = Object.keys(manifest.devDependencies).filter((name) => !usedAnywhere.has(name) && !(name in TOOLS));
  assert.deepEqual(idle, [], breaches('in "devDependencies", but nothing imports it', idle));
});

test('native code is reached from named files only', () => {
  const files = importers('src').get('koffi') ?? [];
  const found = files.filter((path) => NATIVE[path] === undefined);
  assert.deepEqual(found, [], breaches('imports koffi without a reason in NATIVE', found));
  assert.ok(files.includes('src/shared/memory/mapping.ts'), 'the rule no longer sees the import of koffi');
});

test('what Node does not document is reached from named files only', () => {
  const hidden = sourceFiles('src', 'bench', 'scripts').filter(({ imports }) =>
    imports.some(({ specifier }) => /^(node:)?(_|internal\/)/.test(specifier)),
  );
  const found = hidden.map(({ path }) => path).filter((path) => UNDOCUMENTED[path] === undefined);
  assert.deepEqual(found, [], breaches('imports a hidden module of Node without a reason in UNDOCUMENTED', found));
  const stale = Object.keys(UNDOCUMENTED).filter((path) => !hidden.some((file) => file.path === path));
  assert.deepEqual(stale, [], breaches('no longer needed: take it out of UNDOCUMENTED', stale));
});

test('the names of packages are read off their specifiers', () => {
  assert.equal(packageOf('@opentelemetry/api/experimental'), '@opentelemetry/api');
  assert.equal(packageOf('yaml/util'), 'yaml');
  assert.equal(packageOf('node:fs'), null);
  assert.equal(packageOf('./plan.ts'), null);
});
