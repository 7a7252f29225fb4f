import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import FindMyWay from 'find-my-way';
import { comparePrecedence, rankRoutes } from '../../../src/shared/config/precedence.ts';
import type { RoutePlan } from '../../../src/shared/plan.ts';
import { Router } from '../../../src/worker/route/router.ts';
import { modelAllowed, modelMatch, plan, type Request, requests, routeLists } from './route-model.ts';

function build(routes: RoutePlan[]): Router<string> {
  const router = new Router<string>();
  for (const route of routes) router.add(route, route.id);
  return router;
}

function ask(router: Router<string>, request: Request): string | null {
  return router.match(request.method, request.host, request.path, request.search, request.rawHeaders);
}

test('the router finds what a linear scan in order of precedence finds', () => {
  let found = 0;
  let missed = 0;
  fc.assert(
    fc.property(routeLists, fc.array(requests, { minLength: 1, maxLength: 8 }), (list, asked) => {
      const routes = rankRoutes(list);
      const router = build(routes);
      for (const request of asked) {
        const expected = modelMatch(routes, request, (a, b) => comparePrecedence(a, b) === 0);
        assert.equal(ask(router, request), expected?.id ?? null);
        if (expected !== null) found++;
        else missed++;
      }
    }),
    { numRuns: 2000 },
  );
  // the worlds are small enough to meet often: neither side of the property is empty
  assert.ok(found > 1000 && missed > 1000, `${found} found, ${missed} missed`);
});

test('Allow lists the methods that a linear scan finds', () => {
  let some = 0;
  fc.assert(
    fc.property(routeLists, requests, (list, request) => {
      const routes = rankRoutes(list);
      const router = build(routes);
      if (ask(router, request) !== null) return;
      const allowed = router.allowed(request.host, request.path, request.search, request.rawHeaders);
      assert.deepEqual(allowed, modelAllowed(routes, request));
      if (allowed !== null) some++;
    }),
    { numRuns: 3000 },
  );
  assert.ok(some > 50, `${some} with Allow`);
});

test('exact paths and templates are matched as find-my-way matches them', () => {
  const literal = fc.constantFrom('a', 'b', 'c', 'ab');
  const template = fc.array(fc.oneof(literal, fc.constant('{}')), { minLength: 1, maxLength: 4 });
  const path = fc.array(fc.oneof(literal, fc.constant('z')), { minLength: 1, maxLength: 5 });
  let found = 0;
  fc.assert(
    fc.property(
      fc.uniqueArray(template, { maxLength: 12, selector: String }),
      fc.array(path, { maxLength: 10 }),
      (templates, asked) => {
        const oracle = FindMyWay();
        const routes: RoutePlan[] = [];
        for (const parts of templates) {
          const names = parts.map((part, index) => (part === '{}' ? `{p${index}}` : part));
          const route = plan({
            id: parts.join('/'),
            path: `/${names.join('/')}`,
            pathKind: parts.includes('{}') ? 'template' : 'exact',
          });
          routes.push(route);
          oracle.on('GET', route.path.replace(/\{(\w+)\}/g, ':$1'), () => {}, route.id);
        }
        const router = build(rankRoutes(routes));
        for (const parts of asked) {
          const request = `/${parts.join('/')}`;
          const expected = oracle.find('GET', request)?.store as string | undefined;
          const actual = router.match('GET', 'a.com', request, '', []);
          // both find one or neither does; which template wins is our precedence, except that an exact path always does
          assert.equal(actual === null, expected === undefined, request);
          if (expected !== undefined && !expected.includes('{}')) assert.equal(actual, expected);
          if (actual !== null) found++;
        }
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(found > 500, `${found} found`);
});
