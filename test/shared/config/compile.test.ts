import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { compile } from '../../../src/shared/config/compile.ts';
import { POLICY_ORDER } from '../../../src/shared/config/policies.ts';
import { packRoutes, unpackRoutes } from '../../../src/shared/messages.ts';
import { POLICY_NAMES } from '../../../src/worker/policies/catalogue.ts';
import { good } from './loading.ts';

const TEXT = `listeners: [{ address: '[::1]:0' }]
admin: { token: swordfish-swordfish }
upstreams:
  a: { endpoints: [http://10.0.0.1:80, 'https://b.internal:8443'], max_concurrent_requests: 5, queue: { max: 2, timeout: 1s } }
  b: { endpoints: ['http://[::1]:81'] }
routes:
  - { id: all, path_prefix: /, upstream: b }
  - id: one
    hosts: [A.com, a.com]
    path: /u/{id}
    methods: [GET, GET]
    headers: { X-A: '1' }
    query: { V: '2' }
    split: [{ upstream: b, weight: 9 }, { upstream: a, weight: 1 }, { upstream: a, weight: 0 }]
    timeout: 2s
    policies:
      headers: { request: { set: { X-B: '3' } } }
      rewrite: { path: /x }
  - { id: fixed, path: /f, policies: { respond: { status: 404 } } }
`;

const compiled = () => {
  const { config, hash } = good(TEXT);
  return compile(config, hash);
};

test('the head names every upstream with its endpoints, in plain numbers', () => {
  const { head, admin, workers } = compiled();
  assert.deepEqual(admin, { host: '127.0.0.1', port: 9901, token: 'swordfish-swordfish' });
  assert.equal(workers, availableParallelism());
  assert.deepEqual(head.listeners, [{ key: '[::1]:0', host: '::1', port: 0 }]);
  assert.equal(head.routeCount, 3);
  assert.deepEqual(head.upstreams[0], {
    name: 'a',
    item: -1,
    waitingItem: -1,
    eldestItem: -1,
    endpoints: [
      // the default port of a scheme is not written in Host, so not in the authority
      {
        origin: 'http://10.0.0.1',
        authority: '10.0.0.1',
        tls: false,
        weight: 1,
        backup: false,
        item: -1,
        poolKey: 'a http://10.0.0.1 connect_timeout=500',
      },
      {
        origin: 'https://b.internal:8443',
        authority: 'b.internal:8443',
        tls: true,
        weight: 1,
        backup: false,
        item: -1,
        poolKey: 'a https://b.internal:8443 connect_timeout=500',
      },
    ],
    balance: 'p2c',
    maxConcurrentRequests: 5,
    queueMax: 2,
    queueTimeoutMs: 1000,
    connectTimeoutMs: 500,
    preserveHost: false,
    retryAttempts: 1,
    retryMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'],
  });
  assert.equal(head.upstreams[1]?.maxConcurrentRequests, 0);
  assert.equal(head.upstreams[1].endpoints[0]?.authority, '[::1]:81');
});

test('routes are sorted by precedence and refer to upstreams by index', () => {
  const { routes } = compiled();
  assert.deepEqual(
    routes.map(({ id }) => id),
    ['fixed', 'one', 'all'],
  );
  assert.deepEqual(routes[0]?.targets, []);
  assert.deepEqual(routes[1], {
    id: 'one',
    tier: 1,
    hosts: ['a.com'],
    pathKind: 'template',
    path: '/u/{id}',
    methods: ['GET'],
    headers: [['x-a', '1']],
    query: [['V', '2']],
    priority: 0,
    targets: [
      { upstream: 1, weight: 9 },
      { upstream: 0, weight: 1 },
    ],
    timeoutMs: 2000,
    policies: [
      { name: 'rewrite', options: { path: '/x' } },
      { name: 'headers', options: { request: { set: { 'x-b': '3' }, add: {}, remove: [] } } },
    ],
    allowEncodedSlashes: false,
  });
});

test('equals keep the order of the file', () => {
  const ids = ['c', 'a', 'b', 'z', 'm'];
  const { config } = good(`listeners: [{ address: 127.0.0.1:1 }]
routes: [${ids.map((id) => `{ id: ${id}, path: /${id}, policies: { respond: {} } }`).join(', ')}]
`);
  assert.deepEqual(
    compile(config, '').routes.map(({ id }) => id),
    ids,
  );
});

test('a plan survives the way to a worker', () => {
  const { routes } = compiled();
  assert.deepEqual(unpackRoutes(packRoutes(routes)), routes);
});

test('a pool is another one when its upstream, origin or connect timeout is', () => {
  const keys = (text: string): string[] =>
    compile(good(text).config, '').head.upstreams.flatMap(({ endpoints }) => endpoints.map(({ poolKey }) => poolKey));
  const before = keys(TEXT);
  assert.deepEqual(keys(TEXT.replace('max_concurrent_requests: 5', 'max_concurrent_requests: 6')), before);
  assert.notDeepEqual(keys(TEXT.replace('queue:', 'connect_timeout: 1s, queue:')), before);
  assert.equal(new Set(before).size, 3);
});

test('policies run in the same order in the schema and in the worker', () => {
  assert.deepEqual(
    POLICY_NAMES,
    POLICY_ORDER.filter((name) => POLICY_NAMES.includes(name)),
  );
});
