import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rankRoutes } from '../../../src/shared/config/precedence.ts';
import { OperatorError } from '../../../src/shared/errors.ts';
import type { RoutePlan } from '../../../src/shared/plan.ts';
import { Router } from '../../../src/worker/route/router.ts';
import { plan } from './route-model.ts';

type Short = Partial<RoutePlan> & { id: string };

function exact(id: string, path: string, rest: Partial<RoutePlan> = {}): RoutePlan {
  return plan({ id, path, pathKind: path.includes('{') ? 'template' : 'exact', ...rest });
}

function prefix(id: string, path: string, rest: Partial<RoutePlan> = {}): RoutePlan {
  return plan({ id, path, pathKind: 'prefix', ...rest });
}

function regex(id: string, path: string, rest: Partial<RoutePlan> = {}): RoutePlan {
  return plan({ id, path, pathKind: 'regex', ...rest });
}

function router(...routes: RoutePlan[]): (line: string, rawHeaders?: string[]) => string | null {
  const built = new Router<string>();
  for (const route of rankRoutes(routes)) built.add(route, route.id);
  // 'GET api.com/users?x=1'
  return (line, rawHeaders = []) => {
    const [, method, host, path, search] = /^(\S+) ([^/]*)(\/[^?]*|\*)(.*)$/.exec(line) as unknown as string[];
    return built.match(method as string, host as string, path as string, search as string, rawHeaders);
  };
}

test('a prefix takes whole segments only', () => {
  const match = router(prefix('foo', '/foo'));
  for (const path of ['/foo', '/foo/', '/foo/x', '/foo//', '/foo/x/y'])
    assert.equal(match(`GET a${path}`), 'foo', path);
  for (const path of ['/foobar', '/fo', '/', '//foo', '/FOO']) assert.equal(match(`GET a${path}`), null, path);
});

test('the prefix / takes every path', () => {
  const match = router(prefix('all', '/'));
  for (const path of ['/', '/a', '//', '/a/b/']) assert.equal(match(`GET a${path}`), 'all', path);
});

test('a trailing slash is another path to exact routes and templates', () => {
  const match = router(
    exact('bare', '/a'),
    exact('slash', '/a/'),
    exact('id', '/u/{id}'),
    exact('id-slash', '/u/{id}/'),
  );
  assert.equal(match('GET h/a'), 'bare');
  assert.equal(match('GET h/a/'), 'slash');
  assert.equal(match('GET h/u/1'), 'id');
  assert.equal(match('GET h/u/1/'), 'id-slash');
});

test('a parameter is one segment that is not empty', () => {
  const match = router(exact('id', '/users/{id}'), exact('both', '/users/{id}/orders/{order}'));
  assert.equal(match('GET h/users/42'), 'id');
  assert.equal(match('GET h/users/42/orders/7'), 'both');
  for (const path of ['/users', '/users/', '/users//', '/users/42/orders/', '/users//orders/7']) {
    assert.equal(match(`GET h${path}`), null, path);
  }
});

test('a greedy parameter takes the rest of the path, which is not empty', () => {
  const match = router(exact('rest', '/files/{path+}'));
  for (const path of ['/files/a', '/files/a/b', '/files/a/', '/files//a'])
    assert.equal(match(`GET h${path}`), 'rest', path);
  for (const path of ['/files', '/files/', '/file/a']) assert.equal(match(`GET h${path}`), null, path);
});

test('a walk that ends nowhere goes back to the template beside it', () => {
  const match = router(
    exact('new', '/users/new/form'),
    exact('id', '/users/{id}/edit'),
    exact('any', '/{kind}/{id}/{verb}'),
  );
  assert.equal(match('GET h/users/new/edit'), 'id');
  assert.equal(match('GET h/users/new/show'), 'any');
  assert.equal(match('GET h/users/new/form'), 'new');
});

test('a regex must match the whole path', () => {
  const match = router(regex('num', '/n/[0-9]+'), regex('either', '/x|/y'), regex('anchored', '^/z$'));
  assert.equal(match('GET h/n/12'), 'num');
  assert.equal(match('GET h/x'), 'either');
  assert.equal(match('GET h/y'), 'either');
  assert.equal(match('GET h/z'), 'anchored');
  for (const path of ['/n/12a', '/a/n/12', '/xx', '/x/y', '/n/', '/zz'])
    assert.equal(match(`GET h${path}`), null, path);
});

test('exact host, then the longest wildcard, then no host', () => {
  const match = router(
    exact('exact', '/', { hosts: ['api.a.com'] }),
    exact('long', '/', { hosts: ['*.b.a.com'] }),
    exact('short', '/', { hosts: ['*.a.com'] }),
    exact('none', '/'),
  );
  assert.equal(match('GET api.a.com/'), 'exact');
  assert.equal(match('GET x.b.a.com/'), 'long');
  assert.equal(match('GET x.y.b.a.com/'), 'long');
  assert.equal(match('GET b.a.com/'), 'short');
  assert.equal(match('GET x.api.a.com/'), 'short');
  assert.equal(match('GET a.com/'), 'none');
  assert.equal(match('GET xa.com/'), 'none');
});

test('the host decides before the priority, and a host without a match falls through', () => {
  const match = router(
    exact('weak', '/x', { hosts: ['a.com'] }),
    exact('strong', '/x', { priority: 10 }),
    prefix('wild', '/', { hosts: ['*.com'] }),
    prefix('all', '/'),
  );
  assert.equal(match('GET a.com/x'), 'weak');
  assert.equal(match('GET a.com/y'), 'wild');
  assert.equal(match('GET a.org/y'), 'all');
  assert.equal(match('POST a.org/x'), 'strong');
});

test('priority beats every rule about the path', () => {
  const match = router(
    exact('exact', '/a'),
    prefix('prefix', '/', { priority: 1 }),
    regex('regex', '/.*', { priority: 2 }),
  );
  assert.equal(match('GET h/a'), 'regex');
  // and the next stronger rank is found however deep it lies
  assert.equal(router(prefix('prefix', '/a/b', { priority: 1 }), exact('exact', '/a/b'))('GET h/a/b'), 'prefix');
});

test('Gateway API: an exact path beats a longer prefix, a longer prefix beats a shorter one', () => {
  const match = router(prefix('short', '/a'), prefix('long', '/a/b'), exact('exact', '/a/b'), prefix('root', '/'));
  assert.equal(match('GET h/a/b'), 'exact');
  assert.equal(match('GET h/a/b/c'), 'long');
  assert.equal(match('GET h/a/c'), 'short');
  assert.equal(match('GET h/z'), 'root');
});

test('a longer literal prefix wins, then a template before a prefix before a regex', () => {
  const match = router(regex('regex', '/a/[^/]+'), prefix('prefix', '/a'), exact('template', '/a/{id}'));
  assert.equal(match('GET h/a/b'), 'template');
  assert.equal(router(exact('template', '/{id}/b'), prefix('prefix', '/a'))('GET h/a/b'), 'prefix');
});

test('Gateway API: method before headers before query', () => {
  const methods = exact('method', '/a', { methods: ['GET'] });
  const headers = exact('headers', '/a', {
    headers: [
      ['x-a', '1'],
      ['x-b', '2'],
    ],
  });
  const query = exact('query', '/a', {
    query: [
      ['v', '1'],
      ['w', '2'],
      ['x', '3'],
    ],
  });
  const all = ['x-a', '1', 'x-b', '2'];
  for (const order of [
    [methods, headers, query],
    [query, headers, methods],
  ]) {
    const match = router(...order);
    assert.equal(match('GET h/a?v=1&w=2&x=3', all), 'method');
    assert.equal(match('POST h/a?v=1&w=2&x=3', all), 'headers');
    assert.equal(match('POST h/a?v=1&w=2&x=3', []), 'query');
  }
});

test('Gateway API: more headers win, then more query parameters, then the order in the file', () => {
  const match = router(
    exact('first', '/a', { headers: [['x-a', '1']] }),
    exact('second', '/a', { headers: [['x-b', '1']] }),
    exact('two', '/a', {
      headers: [
        ['x-a', '1'],
        ['x-b', '1'],
      ],
    }),
    exact('query', '/a', { headers: [['x-a', '1']], query: [['v', '1']] }),
  );
  assert.equal(match('GET h/a', ['X-A', '1']), 'first');
  assert.equal(match('GET h/a', ['X-A', '1', 'X-B', '1']), 'two');
  assert.equal(match('GET h/a?v=1', ['X-A', '1']), 'query');
  assert.equal(match('GET h/a', ['X-B', '1', 'X-A', '2']), 'second');
});

test('header names are compared without case, values exactly, repeated fields joined', () => {
  const match = router(
    exact('one', '/a', { headers: [['x-canary', '1']] }),
    exact('list', '/a', { headers: [['x-canary', '1, 2']] }),
  );
  assert.equal(match('GET h/a', ['X-CANARY', '1']), 'one');
  assert.equal(match('GET h/a', ['x-canary', '1', 'X-Canary', '2']), 'list');
  assert.equal(match('GET h/a', ['x-canary', '1 ']), null);
  assert.equal(match('GET h/a', ['1', 'x-canary']), null);
});

test('the first query parameter of a name decides, in any spelling', () => {
  const match = router(exact('v', '/a', { query: [['v', '2']] }), exact('empty', '/a', { query: [['flag', '']] }));
  for (const search of ['?v=2', '?x=1&v=2', '?v=%32', '?%76=2', '?v=2&v=3', '?&&v=2'])
    assert.equal(match(`GET h/a${search}`), 'v', search);
  for (const search of ['', '?', '?v', '?v=', '?v=3&v=2', '?vv=2', '?v=22', '?x=v=2'])
    assert.equal(match(`GET h/a${search}`), null, search);
  assert.equal(match('GET h/a?flag'), 'empty');
});

test('HEAD is served by GET, and by a route that names HEAD where precedence is equal', () => {
  const get = exact('get', '/a', { methods: ['GET'] });
  const head = exact('head', '/a', { methods: ['HEAD'] });
  assert.equal(router(get)('HEAD h/a'), 'get');
  assert.equal(router(get, head)('HEAD h/a'), 'head');
  assert.equal(router(head, get)('HEAD h/a'), 'head');
  assert.equal(router(head)('GET h/a'), null);
  const stronger = exact('get', '/a', { methods: ['GET'], priority: 1 });
  assert.equal(router(stronger, head)('HEAD h/a'), 'get');
  assert.equal(router(exact('post', '/a', { methods: ['POST'] }))('HEAD h/a'), null);
});

test('HEAD prefers the route that names it among equals only, and GET keeps the order in the file', () => {
  const first = exact('first', '/a', { methods: ['GET'], headers: [['x-a', '1']] });
  const second = exact('second', '/a', { methods: ['GET', 'HEAD'], headers: [['x-b', '1']] });
  const match = router(first, second);
  const both = ['x-a', '1', 'x-b', '1'];
  assert.equal(match('GET h/a', both), 'first');
  assert.equal(match('HEAD h/a', both), 'second');
  assert.equal(match('HEAD h/a', ['x-a', '1']), 'first');
});

test('Allow tells a wrong method from a missing route', () => {
  const built = new Router<string>();
  const routes = [
    exact('get', '/a', { methods: ['GET'] }),
    exact('put', '/a', { methods: ['PUT'], hosts: ['a.com'] }),
    exact('canary', '/a', { methods: ['DELETE'], headers: [['x-canary', '1']] }),
  ];
  for (const route of rankRoutes(routes)) built.add(route, route.id);
  assert.equal(built.match('POST', 'a.com', '/a', '', []), null);
  assert.deepEqual(built.allowed('a.com', '/a', '', []), ['GET', 'HEAD', 'PUT']);
  assert.deepEqual(built.allowed('b.com', '/a', '', []), ['GET', 'HEAD']);
  assert.deepEqual(built.allowed('b.com', '/a', '', ['X-Canary', '1']), ['DELETE', 'GET', 'HEAD']);
  assert.equal(built.allowed('a.com', '/b', '', []), null);
  // and asking for Allow leaves nothing behind
  assert.equal(built.match('GET', 'a.com', '/a', '', []), 'get');
});

test('the asterisk of OPTIONS is no path', () => {
  const match = router(prefix('all', '/'), regex('every', '.*'));
  assert.equal(match('OPTIONS h*'), null);
});

test('configured spellings are compared in the spelling of requests', () => {
  const match = router(
    exact('cafe', '/caf%c3%a9/%61'),
    exact('tpl', '/%62/{id}', { hosts: ['API.a.com.', '*.B.com'] }),
  );
  assert.equal(match('GET h/caf%C3%A9/a'), 'cafe');
  assert.equal(match('GET api.a.com/b/1'), 'tpl');
  assert.equal(match('GET x.b.com/b/1'), 'tpl');
});

test('a route that could never match is refused in words', () => {
  const bad: Short[] = [
    { id: 'space', path: '/a b', pathKind: 'exact' },
    { id: 'up', path: '/../a', pathKind: 'prefix' },
    { id: 'query', path: '/a?b', pathKind: 'exact' },
    { id: 'host', path: '/a', pathKind: 'exact', hosts: ['a b'] },
    { id: 'back', path: '/(a)\\1', pathKind: 'regex' },
    { id: 'look', path: '/(?=a)a', pathKind: 'regex' },
    { id: 'syntax', path: '/(', pathKind: 'regex' },
    { id: 'closes', path: 'a)|(b', pathKind: 'regex' },
  ];
  for (const route of bad) {
    assert.throws(
      () => new Router().add(plan(route as Parameters<typeof plan>[0]), route.id),
      (error) => error instanceof OperatorError && error.message.endsWith('.'),
      route.id,
    );
  }
});

test('thousands of routes of every kind are told apart', () => {
  const routes: RoutePlan[] = [];
  for (let index = 0; index < 1000; index++) {
    routes.push(
      exact(`e${index}`, `/e/${index}`),
      exact(`t${index}`, `/t/${index}/{id}`),
      prefix(`p${index}`, `/p/${index}`),
    );
    routes.push(regex(`r${index}`, `/r/${index}/[a-z]+`));
  }
  const match = router(...routes);
  for (const index of [0, 1, 500, 999]) {
    assert.equal(match(`GET h/e/${index}`), `e${index}`);
    assert.equal(match(`GET h/t/${index}/x`), `t${index}`);
    assert.equal(match(`GET h/p/${index}/x/y`), `p${index}`);
    assert.equal(match(`GET h/r/${index}/abc`), `r${index}`);
  }
  assert.equal(match('GET h/e/1000'), null);
});
