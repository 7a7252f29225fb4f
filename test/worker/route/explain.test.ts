import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rankRoutes } from '../../../src/shared/config/precedence.ts';
import type { RoutePlan } from '../../../src/shared/plan.ts';
import { explainRoutes, type RoutedRequest, readRequest } from '../../../src/worker/route/explain.ts';
import { Router } from '../../../src/worker/route/router.ts';
import { plan, requests, routeLists } from './route-model.ts';

function request(method: string, target: string, ...rawHeaders: string[]): RoutedRequest {
  const read = readRequest(method, target, rawHeaders);
  assert.ok(!('refused' in read), JSON.stringify(read));
  return read;
}

/** id → [lostBy, rule] */
function reasons(routes: RoutePlan[], asked: RoutedRequest): Record<string, [string, string | null]> {
  const { rivals } = explainRoutes(rankRoutes(routes), asked);
  return Object.fromEntries(rivals.map(({ route, lostBy, rule }) => [route.id, [lostBy, rule]]));
}

test('the explained winner and Allow are the router’s', () => {
  fc.assert(
    fc.property(routeLists, fc.array(requests, { minLength: 1, maxLength: 6 }), (list, asked) => {
      const routes = rankRoutes(list);
      const router = new Router<RoutePlan>();
      for (const route of routes) router.add(route, route);
      for (const one of asked) {
        const { winner, rivals, allow } = explainRoutes(routes, { ...one, encodedSlash: false });
        assert.equal(winner, router.match(one.method, one.host, one.path, one.search, one.rawHeaders));
        if (winner === null) assert.deepEqual(allow, router.allowed(one.host, one.path, one.search, one.rawHeaders));
        assert.equal(rivals.length, routes.length - (winner === null ? 0 : 1));
        assert.ok(rivals.every(({ why }) => why !== ''));
        assert.ok(winner !== null || rivals.every(({ lostBy }) => lostBy !== 'precedence'));
      }
    }),
    { numRuns: 1000 },
  );
});

test('a rival without the condition that it was said to fail gets further', () => {
  const order = ['host', 'path', 'method', 'header', 'query'] as const;
  const seen = new Set<string>();
  fc.assert(
    fc.property(routeLists, requests, (list, one) => {
      const asked = { ...one, encodedSlash: false };
      for (const { route, lostBy } of explainRoutes(rankRoutes(list), asked).rivals) {
        if (lostBy === 'precedence' || lostBy === 'path') continue;
        const freed = { host: { hosts: [] }, method: { methods: null }, header: { headers: [] }, query: { query: [] } }[
          lostBy
        ];
        const alone = explainRoutes([{ ...route, ...freed }], asked);
        const now = alone.rivals[0]?.lostBy as (typeof order)[number] | undefined;
        assert.ok(now === undefined || order.indexOf(now) > order.indexOf(lostBy), `${lostBy}, then ${now}`);
        seen.add(lostBy);
      }
    }),
    { numRuns: 500 },
  );
  assert.deepEqual([...seen].sort(), ['header', 'host', 'method', 'query']);
});

test('each rival is told the first question that it failed', () => {
  const path = { path: '/a', pathKind: 'exact' } as const;
  const routes = [
    plan({ id: 'winner', ...path, hosts: ['h.com'] }),
    plan({ id: 'host', ...path, hosts: ['other.com'] }),
    plan({ id: 'path', path: '/b', pathKind: 'exact' }),
    plan({ id: 'method', ...path, methods: ['POST'] }),
    plan({ id: 'header', ...path, headers: [['x-a', '1']] }),
    plan({ id: 'query', ...path, query: [['v', '1']] }),
    plan({ id: 'wildcard', ...path, hosts: ['*.com'] }),
    plan({ id: 'anyhost', ...path, priority: 5 }),
  ];
  assert.deepEqual(reasons(routes, request('GET', 'http://h.com/a?v=2', 'x-a', '2')), {
    host: ['host', null],
    path: ['path', null],
    method: ['method', null],
    header: ['header', null],
    query: ['query', null],
    wildcard: ['precedence', 'host'],
    anyhost: ['precedence', 'host'],
  });
});

test('among fitting routes of one host the rule of precedence is named', () => {
  const routes = [
    plan({ id: 'priority', path: '/a', pathKind: 'exact', priority: 1 }),
    plan({ id: 'exact', path: '/a', pathKind: 'exact' }),
  ];
  assert.deepEqual(reasons(routes, request('GET', '/a')), { exact: ['precedence', 'priority'] });
  const paths = [
    plan({ id: 'long', path: '/a/b', pathKind: 'prefix' }),
    plan({ id: 'short', path: '/a', pathKind: 'prefix' }),
  ];
  assert.deepEqual(reasons(paths, request('GET', '/a/b')), { short: ['precedence', 'longer literal prefix'] });
  const equals = [
    plan({ id: 'first', path: '/a', pathKind: 'exact', headers: [['x-a', '1']] }),
    plan({ id: 'second', path: '/a', pathKind: 'exact', headers: [['x-b', '1']] }),
  ];
  assert.deepEqual(reasons(equals, request('GET', '/a', 'x-a', '1', 'x-b', '1')), {
    second: ['precedence', 'order in the file'],
  });
});

test('naming HEAD is told as the rule where it decides', () => {
  const routes = [
    plan({ id: 'get', path: '/a', pathKind: 'exact', methods: ['GET'] }),
    plan({ id: 'head', path: '/a', pathKind: 'exact', methods: ['HEAD'] }),
  ];
  assert.deepEqual(reasons(routes, request('HEAD', '/a')), { get: ['precedence', 'HEAD named'] });
});

test('reasons quote the routes that may be shown', () => {
  const secret = plan({ id: 'a', path: '/a', pathKind: 'exact', headers: [['x-key', 'hunter2']] });
  const shown = new Map([['a', { ...secret, headers: [['x-key', '***']] as [string, string][] }]]);
  const [rival] = explainRoutes([secret], request('GET', '/a'), shown).rivals;
  assert.equal(rival?.why, 'it wants header x-key: ***, which is absent');
});

test('a slash that makes the difference is pointed out', () => {
  const [rival] = explainRoutes([plan({ id: 'a', path: '/a', pathKind: 'exact' })], request('GET', '/a/')).rivals;
  assert.match(rival?.why ?? '', /slash at the end/);
});

test('requests that the server refuses are refused with a reason', () => {
  const refused = (method: string, target: string, ...rawHeaders: string[]) => {
    const read = readRequest(method, target, rawHeaders);
    return 'refused' in read ? `${read.refused} ${read.why}` : 'read';
  };
  assert.match(refused('GET', '/a\\b'), /^bad_target .*backslash/);
  assert.match(refused('GET', '*'), /^bad_target .*OPTIONS/);
  assert.equal(refused('OPTIONS', '*'), 'read');
  assert.match(refused('GET', '/', 'Host', 'a b'), /^bad_host .*"a b"/);
  assert.match(refused('GET', '/', 'Host', 'a', 'host', 'b'), /^bad_host/);
  assert.match(refused('GET', 'http://a/', 'Host', 'b'), /^bad_host .*agree/);
  assert.equal(refused('GET', 'http://A:80/', 'Host', 'a.'), 'read');
});
