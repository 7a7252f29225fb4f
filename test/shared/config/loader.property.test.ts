// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
// The loader meets arbitrary text and damaged configurations: it always answers, with faults that have a place.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { compile } from '../../../src/shared/config/compile.ts';
import { formatFault } from '../../../src/shared/config/fault.ts';
import { loadConfigText } from '../../../src/shared/config/load.ts';
import { Router } from '../../../src/worker/route/router.ts';

const SHIPPED = readFileSync(new URL('../../../config/gateway.yaml', import.meta.url), 'utf8');

function holds(text: string): void {
  const loaded = loadConfigText(text, 'gateway.yaml', {});
  const lines = text.split(/\r\n|\n|\r/);
  for (const fault of [...(loaded.ok ? [] : loaded.faults), ...loaded.warnings]) {
    assert.ok(fault.line >= 1 && fault.line <= lines.length, `line ${fault.line} of ${lines.length}`);
    assert.ok(fault.col >= 1 && fault.col <= (lines[fault.line - 1] ?? '').length + 1, `column ${fault.col}`);
    assert.match(fault.message, /[.!?]$/);
    assert.ok(formatFault(fault, false).split('\n').length <= 4);
  }
  if (!loaded.ok) {
    assert.ok(loaded.faults.length > 0);
    return;
  }
  const router = new Router<number>();
  for (const [rank, route] of compile(loaded.config, loaded.hash).routes.entries()) router.add(route, rank);
}

test('arbitrary text is answered', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), holds), { numRuns: 300 });
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]:,-&*!|>\'"%@`#?a1 \n\t~$'), maxLength: 60 }), holds),
    { numRuns: 600, examples: [['! :']] },
  );
});

test('arbitrary values are answered', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => holds(text)),
    { numRuns: 200 },
  );
});

test('the shipped configuration with a cut, a swap or a foreign word is answered', () => {
  const words = [
    'routes',
    '- ',
    ': ',
    '{',
    '"',
    '\n',
    '  ',
    'null',
    '-1',
    '${X}',
    '&a ',
    '*a',
    '0ms',
    '[[]]',
    '\t',
    '/a/../b',
    '%',
    '<<: ',
  ];
  fc.assert(
    fc.property(fc.nat(SHIPPED.length), fc.nat(30), fc.constantFrom('', ...words), (at, length, word) => {
      holds(SHIPPED.slice(0, at) + word + SHIPPED.slice(at + length));
    }),
    { numRuns: 400 },
  );
});

test('every value of the shipped configuration may be anything', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(200), (value, choice) => {
      const lines = SHIPPED.split('\n');
      const valued = lines.flatMap((line, at) => (/^[^#]*\w: /.test(line) ? [at] : []));
      const at = valued[choice % valued.length] ?? 0;
      lines[at] = (lines[at] ?? '').replace(/: .*/, () => `: ${JSON.stringify(value)}`);
      holds(lines.join('\n'));
    }),
    { numRuns: 400 },
  );
});

test('what the checks accept as host, path or expression, the router can take', () => {
  const piece = fc.constantFrom(
    '/',
    'a',
    '{b}',
    '{b+}',
    '.',
    '..',
    '%2e',
    '%41',
    '%2F',
    ';',
    'é',
    '*',
    '-',
    ':',
    '[',
    '(',
    ')',
    '|',
    '+',
    '?',
    '1',
    'A',
    '_',
    '~',
    "'",
  );
  const text = fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(''));
  const kind = fc.constantFrom('path', 'path_prefix', 'path_regex');
  fc.assert(
    fc.property(kind, text, text, (option, path, host) => {
      const route = {
        id: 'r',
        [option]: option === 'path_regex' ? path : `/${path}`,
        hosts: [host, 'a.com'],
        policies: { respond: {} },
      };
      holds(JSON.stringify({ listeners: [{ address: '127.0.0.1:1' }], routes: [route] }));
      holds(JSON.stringify({ listeners: [{ address: '127.0.0.1:1' }], routes: [{ ...route, hosts: ['a.com'] }] }));
      holds(JSON.stringify({ listeners: [{ address: '127.0.0.1:1' }], routes: [{ ...route, [option]: '/a' }] }));
    }),
    { numRuns: 500 },
  );
});
