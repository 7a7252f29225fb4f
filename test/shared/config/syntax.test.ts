// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
// Text that is no YAML, or YAML that is no configuration: a clear fault, never an exception.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Loaded, loadConfigFile } from '../../../src/shared/config/load.ts';
import { BASE, errors, good, ROUTE, told } from './loading.ts';

test('an empty or comment-only file is refused, since it would drop every listener', () => {
  for (const text of ['', '\n\n', '# nothing\n  # yet\n', '---\n', '\ufeff', '--- # a\n...\n', 'null\n']) {
    assert.deepEqual(
      told(errors(text)),
      ['1:1 The file holds no configuration; it would drop every listener.'],
      JSON.stringify(text),
    );
  }
});

test('a top level that is no block is a fault', () => {
  assert.deepEqual(told(errors('- a\n- b\n')), ['1:1 The configuration must be a block of options, not a list.']);
  assert.deepEqual(told(errors('hello\n')), ['1:1 The configuration must be a block of options, not text.']);
});

test('a key that is written twice is shown at its second place', () => {
  const [fault] = errors(`${BASE}${ROUTE}workers: 1\nworkers: 2\n`);
  assert.deepEqual([fault?.line, fault?.col, fault?.message], [6, 1, 'This key is written twice in the same block.']);
});

test('several syntax faults are shown at once', () => {
  const faults = errors('a: [1, 2\nb: "x\nc: }\n');
  assert.ok(faults.length >= 2, told(faults).join('\n'));
});

test('an unquoted substitution within brackets is one fault, with the remedy', () => {
  const faults = errors(`${BASE}${ROUTE}limits: { max_headers: \${H} }\nadmin: { address: x }\n`);
  assert.deepEqual(
    faults.map(({ line, hint }) => [line, hint?.slice(0, 40)]),
    [[5, 'Within { } and [ ] a value with braces m']],
  );
});

test('a tab as indentation is named', () => {
  const faults = errors('listeners:\n\t- address: 127.0.0.1:80\n');
  assert.equal(faults[0]?.line, 2);
  assert.ok(
    faults.some(({ hint }) => hint === 'YAML is indented with blanks only.'),
    told(faults).join('\n'),
  );
});

test('a bare * is an alias to YAML, and the hint says what to do', () => {
  const faults = errors(`${BASE}routes: [{ id: r, path: /, upstream: users, hosts: [*.example.com] }]\n`);
  assert.ok(
    faults.some(({ hint, line }) => line === 4 && hint?.includes('in quotes')),
    told(faults).join('\n'),
  );
});

test('control characters and second documents are faults', () => {
  assert.deepEqual(told(errors('a: b\nc: \0d\n')), ['2:4 The file holds the control character U+0000.']);
  assert.match(told(errors('a: 1\n---\nb: 2\n'))[0] ?? '', /more than one YAML document/);
});

test('keys that would reach a prototype are faults and reach none', () => {
  const text = `${BASE}${ROUTE}__proto__: { polluted: 1 }\nlimits: { constructor: 1 }\n`;
  assert.deepEqual(told(errors(text)), [
    '5:1 __proto__ is not a possible key.',
    '6:11 limits.constructor is not a possible key.',
  ]);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('names of methods of objects are ordinary names', () => {
  const text = `listeners: [{ address: 127.0.0.1:80 }]
upstreams: { toString: { endpoints: ['http://h:1'] } }
routes: [{ id: hasOwnProperty, path: /, upstream: toString }, { id: b, path: /b, upstream: valueOf }]
`;
  assert.deepEqual(told(errors(text)), ['3:92 routes[1].upstream names the upstream "valueOf", which is not defined.']);
});

test('an alias bomb ends in a fault soon', () => {
  let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
  for (let at = 1; at < 12; at++)
    text += `a${at}: &a${at} [${Array(10)
      .fill(`*a${at - 1}`)
      .join(', ')}]\n`;
  assert.ok(errors(text).some(({ message }) => message.includes('unfolds to too many values')));
});

test('a value that holds itself ends in a fault', () => {
  assert.ok(errors('listeners: &x [*x]\n').some(({ message }) => message.includes('unfolds to too many values')));
});

test('absurd nesting ends in a fault', () => {
  const faults = errors('['.repeat(200_000));
  assert.equal(faults.length, 1);
  assert.match(faults[0]?.message ?? '', /maxDepth/);
});

test('JSON is read, indented with tabs as well', () => {
  const config = {
    listeners: [{ address: '127.0.0.1:8080' }],
    upstreams: { u: { endpoints: ['http://h:1'] } },
    routes: [],
  };
  assert.equal(good(JSON.stringify(config, null, '\t')).config.listeners.length, 1);
});

test('files that cannot be read, are too large or no UTF-8 are faults of line 1', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const load = (bytes: Buffer): string => {
    const file = join(folder, 'gateway.yaml');
    writeFileSync(file, bytes);
    return first(loadConfigFile(file, {}));
  };
  assert.equal(first(loadConfigFile(join(folder, 'none.yaml'), {})), '1:1 The file does not exist.');
  assert.equal(first(loadConfigFile(folder, {})), '1:1 This is a directory, not a file.');
  assert.equal(first(loadConfigFile('/dev/zero', {})), '1:1 The file is larger than 64 MiB.');
  assert.equal(load(Buffer.from('a: b\nc: \xff\n', 'latin1')), '2:4 The file is not valid UTF-8.');
  assert.match(load(Buffer.from('\ufeffa: b', 'utf16le')), /not valid UTF-8/);
});

function first(loaded: Loaded): string {
  return loaded.ok ? '' : (told(loaded.faults)[0] ?? '');
}
