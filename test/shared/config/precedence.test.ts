import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { comparePrecedence, PRECEDENCE_RULES, precedenceKey } from '../../../src/shared/config/precedence.ts';
import { regexLiteralPrefix } from '../../../src/shared/config/regex.ts';
import type { PathKind, RoutePlan } from '../../../src/shared/plan.ts';

function route(pathKind: PathKind, path: string, more: Partial<RoutePlan> = {}): RoutePlan {
  return {
    id: path,
    hosts: [],
    pathKind,
    path,
    methods: null,
    headers: [],
    query: [],
    priority: 0,
    targets: [],
    timeoutMs: 1000,
    policies: [],
    allowEncodedSlashes: false,
    tier: 0,
    ...more,
  };
}

test('the rules decide in their order, from priority to query parameters', () => {
  const strongestFirst: RoutePlan[] = [
    route('regex', '/.*', { priority: 1 }),
    route('exact', '/a'),
    route('prefix', '/api/v1/users'),
    route('template', '/api/v1/{a}/{b}/x', { methods: ['GET'] }),
    route('template', '/api/v1/{a}/x/{b}'),
    route('template', '/api/v1/{a}/{b}'),
    route('template', '/api/v1/{a}/{b+}'),
    route('prefix', '/api/v1'),
    route('template', '/{a}'),
    route('prefix', '/', { methods: ['GET'], headers: [['a', '1']] }),
    route('prefix', '/', { methods: ['GET'], query: [['a', '1']] }),
    route('prefix', '/', { methods: ['GET'] }),
    route('prefix', '/', {
      headers: [
        ['a', '1'],
        ['b', '1'],
      ],
    }),
    route('prefix', '/'),
    route('regex', '/.*', { methods: ['GET'] }),
    route('regex', '/.*'),
  ];
  const shuffled = [...strongestFirst].reverse().sort(comparePrecedence);
  assert.deepEqual(
    shuffled.map(({ pathKind, path, methods }) => [pathKind, path, methods]),
    strongestFirst.map(({ pathKind, path, methods }) => [pathKind, path, methods]),
  );
});

test('what says nothing of precedence makes no difference', () => {
  assert.equal(comparePrecedence(route('exact', '/a'), route('exact', '/b')), 0);
  assert.equal(comparePrecedence(route('template', '/a/{x}'), route('template', '/b/{long}')), 0);
  const other = route('prefix', '/a', { id: 'z', hosts: ['a.com'], timeoutMs: 1, methods: ['HEAD'] });
  assert.equal(comparePrecedence(route('prefix', '/a', { methods: ['GET', 'PUT'] }), other), 0);
});

test('a regex counts by the literal text that it begins with', () => {
  const cases: [string, string][] = [
    ['/users/[0-9]+', '/users/'],
    ['^/users', '/users'],
    ['/v1\\.2/x', '/v1.2/x'],
    ['/v\\d+', '/v'],
    ['/ab?c', '/a'],
    ['/ab*', '/a'],
    ['/ab+', '/ab'],
    ['/a|/b', ''],
    ['/(a|b)', '/'],
    ['/[|]', '/'],
    ['.*', ''],
  ];
  for (const [source, prefix] of cases) assert.equal(regexLiteralPrefix(source), prefix, source);
  assert.ok(comparePrecedence(route('regex', '/users/[0-9]+'), route('prefix', '/')) < 0);
  assert.ok(comparePrecedence(route('prefix', '/users/1'), route('regex', '/users/[0-9]+')) < 0);
});

test('every rule has a word and a number', () => {
  assert.equal(precedenceKey(route('exact', '/')).length, PRECEDENCE_RULES.length);
});

const anyRoute = fc
  .record({
    path: fc.constantFrom<[PathKind, string]>(
      ['exact', '/'],
      ['exact', '/a/b'],
      ['template', '/{a}'],
      ['template', '/a/{b}'],
      ['template', '/a/{b+}'],
      ['template', '/a/{b}/c'],
      ['template', '/{b}/a'],
      ['prefix', '/'],
      ['prefix', '/a'],
      ['prefix', '/a/b'],
      ['regex', '/a/[0-9]'],
      ['regex', '/.*'],
    ),
    methods: fc.constantFrom<string[] | null>(null, ['GET'], ['HEAD', 'GET']),
    headers: fc.integer({ min: 0, max: 2 }),
    query: fc.integer({ min: 0, max: 2 }),
    priority: fc.integer({ min: -1, max: 1 }),
  })
  .map(({ path: [kind, path], methods, headers, query, priority }) =>
    route(kind, path, {
      methods,
      priority,
      headers: Array.from({ length: headers }, (_, at) => [`h${at}`, '1']),
      query: Array.from({ length: query }, (_, at) => [`q${at}`, '1']),
    }),
  );

test('precedence is a strict weak order', () => {
  fc.assert(
    fc.property(anyRoute, anyRoute, anyRoute, (a, b, c) => {
      const [ab, bc, ac] = [comparePrecedence(a, b), comparePrecedence(b, c), comparePrecedence(a, c)];
      assert.equal(comparePrecedence(a, a), 0);
      assert.equal(Math.sign(ab), -Math.sign(comparePrecedence(b, a)) || 0);
      if (ab < 0 && bc < 0) assert.ok(ac < 0, 'transitive');
      if (ab === 0 && bc === 0) assert.equal(ac, 0, 'equality is transitive');
      if (ab === 0 && bc < 0) assert.ok(ac < 0, 'equals are ordered alike');
    }),
    { numRuns: 500 },
  );
});
