import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, difference } from '../../../src/shared/config/difference.ts';
import { good } from './loading.ts';

const OLD = `listeners: [{ address: 127.0.0.1:8080 }, { address: 127.0.0.1:8081 }]
admin: { token: swordfish-swordfish-1 }
upstreams:
  users: { endpoints: [http://10.0.0.1:80, http://10.0.0.2:80], connect_timeout: 500ms }
  gone: { endpoints: ['http://h:1'] }
routes:
  - { id: a, path: /a, upstream: users, timeout: 2s }
  - { id: b, path: /b, upstream: users }
  - { id: c, path: /c, upstream: gone }
`;

function changes(from: string, to: string): Change[] {
  return difference(good(from), good(to));
}

test('order, comments and spelling make no difference', () => {
  const spelled = `# the same
routes:
  - { timeout: 2000ms, id: a, path: /%61, upstream: users }
  - { id: c, path: /c, upstream: gone }
  - { id: b, path: /b, upstream: users, timeout: 30s, priority: 0 }
upstreams:
  gone: { endpoints: [{ url: 'http://H:1/' }] }
  users: { endpoints: [http://10.0.0.1, http://10.0.0.2] }
admin: { address: localhost:9901, token: "swordfish-swordfish-1" }
listeners: [{ address: 127.0.0.1:8081 }, { address: 127.0.0.1:8080 }]
`;
  assert.deepEqual(changes(OLD, spelled), []);
});

test('each thing is named by what became of it, with old and new values as they are written', () => {
  const now = OLD.replace(', { address: 127.0.0.1:8081 }', ', { address: 127.0.0.1:8082 }')
    .replace('connect_timeout: 500ms', 'connect_timeout: 1s, max_concurrent_requests: 9')
    .replace("  gone: { endpoints: ['http://h:1'] }\n", '')
    .replace('timeout: 2s', "timeout: 5s, policies: { headers: { response: { set: { x-a: '1' } } } }")
    .replace('{ id: c, path: /c, upstream: gone }', '{ id: d, path: /c, upstream: users }')
    .concat('limits: { max_body_bytes: 1MiB }\n');
  assert.deepEqual(changes(OLD, now), [
    {
      kind: 'setting',
      name: 'limits.max_body_bytes',
      change: 'changed',
      options: [{ option: 'limits.max_body_bytes', from: '10MiB', to: '1MiB' }],
      effect: null,
    },
    { kind: 'listener', name: '127.0.0.1:8081', change: 'removed', options: [], effect: null },
    { kind: 'listener', name: '127.0.0.1:8082', change: 'added', options: [], effect: null },
    {
      kind: 'upstream',
      name: 'users',
      change: 'changed',
      options: [
        { option: 'connect_timeout', from: '500ms', to: '1s' },
        { option: 'max_concurrent_requests', from: null, to: '9' },
      ],
      effect: 'its connections drain and new ones are opened',
    },
    { kind: 'upstream', name: 'gone', change: 'removed', options: [], effect: 'its connections drain' },
    {
      kind: 'route',
      name: 'a',
      change: 'changed',
      options: [
        { option: 'timeout', from: '2s', to: '5s' },
        { option: 'policies.headers', from: null, to: '{ response: { set: { x-a: "1" }, add: {  }, remove: [] } }' },
      ],
      effect: null,
    },
    { kind: 'route', name: 'c', change: 'removed', options: [], effect: null },
    { kind: 'route', name: 'd', change: 'added', options: [], effect: null },
  ]);
});

test('whether open connections survive is said', () => {
  const effect = (to: string): string | null | undefined =>
    changes(OLD, to).find(({ kind }) => kind === 'upstream')?.effect;
  assert.equal(effect(OLD.replace('500ms', '500ms, balance: round_robin')), 'its open connections are kept');
  assert.equal(
    effect(OLD.replace('10.0.0.2', '10.0.0.3')),
    'connections of unchanged endpoints are kept, others drain',
  );
});

test('a changed secret is a change without its values', () => {
  const [change] = changes(OLD, OLD.replace('swordfish-1', 'swordfish-2'));
  assert.deepEqual(change?.options, [{ option: 'admin.token', from: '***', to: '***' }]);
  assert.ok(!JSON.stringify(change).includes('swordfish'));
});
