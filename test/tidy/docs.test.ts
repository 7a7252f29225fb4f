// What readers are told against what is there: commands, set-up lines, links.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { breaches, filesUnder, ROOT } from './tree.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Keys of the table of commands in src/main.ts. */
function commands(): string[] {
  return [...read('src/main.ts').matchAll(/^ {2}(\w+): \{ summary: /gm)].map(([, name]) => name!);
}

/** Our own pages; bench/reports is written by each run. */
function pages(): string[] {
  const found = ['README.md', 'CHANGELOG.md', ...filesUnder('docs', '.md'), ...filesUnder('bench', '.md')];
  return found.filter((path) => !path.startsWith('bench/reports/'));
}

test('the README names every command, and none that does not exist', () => {
  const known = commands();
  assert.ok(known.includes('run') && known.includes('check'), 'the table of commands was not found in src/main.ts');
  const readme = read('README.md');
  const table = [...readme.matchAll(/^\| `(\w+)[ `].*\|$/gm)].map(([, name]) => name!);
  assert.deepEqual(table.toSorted(), known.toSorted());
});

test('the two set-up commands of the README are the ones that are run for every change', () => {
  const readme = read('README.md');
  const manifest = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  assert.match(readme, /^npm ci && npm start$/m);
  assert.match(readme, /^npm ci && npm test$/m);
  assert.ok(manifest.scripts['start'] && manifest.scripts['test']);
  assert.match(read('.ci/run'), /^npm ci\nnpm test$/m);
});

test('every link of our pages leads to a file', () => {
  const found: string[] = [];
  for (const page of pages()) {
    for (const [, target] of read(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      if (!existsSync(join(ROOT, dirname(page), target!))) found.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(found, [], breaches('a link leads nowhere', found));
});

/** Not in the repository. */
const MADE_BY_RUNS = new Set(['bench/reports/']);

test('every file that our pages name exists', () => {
  const found: string[] = [];
  for (const page of pages()) {
    for (const [, path] of read(page).matchAll(/`((?:src|test|bench|scripts|config|docs|bin)\/[\w./-]+)`/g)) {
      if (!MADE_BY_RUNS.has(path!) && !existsSync(join(ROOT, path!))) found.push(`${page}: ${path}`);
    }
  }
  assert.deepEqual(found, [], breaches('a page names a file that is not there', found));
});
