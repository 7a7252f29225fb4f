import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorError } from '../../../src/shared/errors.ts';
import { compilePathRegex, literalSegments } from '../../../src/worker/route/path-regex.ts';

const EVIL = [
  '(a+)+b',
  '/(a+)+b',
  '(/a+)+b',
  '/([a-z]+)*q',
  '(a|aa)+b',
  '/(x+x+)+y',
  '([^/]+/?)+z',
  '/(.*)(.*)(.*)q',
  '/(?<!b)(a+)+q',
];
const INPUTS = ['a'.repeat(65_536), `/${'a'.repeat(65_535)}`, `/${'x'.repeat(65_535)}`, '/a'.repeat(32_768)];

for (const source of EVIL) {
  test(`${source} cannot burn CPU on 64 KiB`, () => {
    const regex = compilePathRegex(source);
    for (const input of INPUTS) {
      // the best of three: what is measured is the expression, not the neighbours on the machine
      let best = Number.POSITIVE_INFINITY;
      for (let run = 0; run < 3; run++) {
        const start = process.cpuUsage();
        assert.equal(regex.test(input), false);
        const used = process.cpuUsage(start);
        best = Math.min(best, (used.user + used.system) / 1000);
      }
      assert.ok(best < 50, `${source} took ${best} ms of CPU on ${input.slice(0, 4)}…`);
    }
  });
}

test('an expression that no linear engine can run is refused', () => {
  for (const source of ['(a)\\1', '(?=a)a', '(?!b)a', '(?:a{100}){100}', 'a{1,64}', '(', 'a)(b']) {
    assert.throws(
      () => compilePathRegex(source),
      (error) => error instanceof OperatorError && error.message.includes(`"${source}"`),
      source,
    );
  }
});

test('the literal segments of a regex', () => {
  const cases: [string, string][] = [
    ['/api/v1/[0-9]+', '/api/v1/'],
    ['^/api/v[0-9]/x', '/api/'],
    ['/api/v1', '/api/'],
    ['/a\\/b\\.c/.*', '/a/b.c/'],
    ['/a/b?/c', '/a/'],
    ['/a/+b', '/a/'],
    ['/a/{2}', '/'],
    ['/a|/b', '/'],
    ['/a/b/(c|d)', '/a/b/'],
    ['/a/\\d/x', '/a/'],
    ['.*', '/'],
    ['a/b', '/'],
    ['', '/'],
  ];
  for (const [source, literal] of cases) assert.equal(literalSegments(source), literal, source);
});

test('every path that a regex matches begins with its literal segments', () => {
  const source = fc.string({
    unit: fc.constantFrom('/', 'a', 'b', '\\/', '\\.', '.', '*', '+', '?', '|', '(a)', '[ab]', '{2}', '^'),
    maxLength: 8,
  });
  const path = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '.'), maxLength: 6 }).map((rest) => `/${rest}`);
  fc.assert(
    fc.property(source, fc.array(path, { minLength: 20, maxLength: 40 }), (text, paths) => {
      let regex: RegExp;
      try {
        regex = compilePathRegex(text);
      } catch {
        return;
      }
      for (const candidate of paths)
        if (regex.test(candidate)) assert.ok(candidate.startsWith(literalSegments(text)), `${text} on ${candidate}`);
    }),
    { numRuns: 1500 },
  );
});
