// Checks between options, outside of routes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNAVAILABLE } from '../../../src/shared/config/availability.ts';
import { keysAt } from '../../../src/shared/config/suggest.ts';
import { BASE, errors, good, ROUTE, told, warnings } from './loading.ts';

const withUpstream = (options: string, route = 'timeout: 30s'): string => `listeners: [{ address: 127.0.0.1:8080 }]
upstreams:
  users: { endpoints: ['http://127.0.0.1:9001'], ${options} }
routes: [{ id: r, path: /, upstream: users, ${route} }]
`;

test('listeners and admin have addresses of their own', () => {
  const text = `listeners:
  - { address: 127.0.0.1:80 }
  - { address: localhost:80 }
  - { address: '0.0.0.0:9901' }
  - { address: '[::1]:80' }
routes: []
`;
  assert.deepEqual(told(errors(text)), [
    '3:16 listeners[1].address is the same address as that of the listener on line 2.',
    '4:16 listeners[2].address takes the address of admin, 127.0.0.1:9901.',
  ]);
});

test('addresses are an IP address or localhost, and a port', () => {
  for (const address of [
    '8080',
    ':8080',
    '*:80',
    'example.com:80',
    '127.0.0.1:70000',
    '::1:80',
    '[::1]',
    '127.0.0.1',
    '1.2.3:80',
  ]) {
    assert.equal(errors(`listeners: [{ address: '${address}' }]\n`).length, 1, address);
  }
});

test('admin beyond loopback needs a token, and a short one is noted', () => {
  assert.match(
    told(errors(`${BASE}${ROUTE}admin: { address: '0.0.0.0:9901' }\n`))[0] ?? '',
    /^5:19 admin\.address can be reached from other hosts/,
  );
  const text = `${BASE}${ROUTE}admin: { address: '0.0.0.0:9901', token: short }\n`;
  good(text);
  assert.match(told(warnings(text))[0] ?? '', /^5:42 admin\.token is shorter/);
});

test('a retry that cannot fit in the timeout is a warning at the retry', () => {
  const [warning] = warnings(withUpstream('connect_timeout: 1s, retry: { attempts: 2 }', 'timeout: 1500ms'));
  assert.equal(
    warning?.message,
    'upstreams.users.retry cannot fit in the timeout of 1s500ms on line 4: 2 failed connects take up to 2s.',
  );
  assert.deepEqual([warning.line, warning.col], [3, 71]);
  assert.deepEqual(warnings(withUpstream('connect_timeout: 1s, retry: { attempts: 2 }', 'timeout: 3s')), []);
  assert.deepEqual(warnings(withUpstream('connect_timeout: 2s, retry: { attempts: 0 }', 'timeout: 1s')), []);
});

test('a queue that nobody can wait in is a warning', () => {
  assert.match(
    warnings(withUpstream('queue: { max: 5, timeout: 1s }'))[0]?.message ?? '',
    /no max_concurrent_requests/,
  );
  assert.match(
    warnings(withUpstream('max_concurrent_requests: 5, queue: { max: 5 }'))[0]?.message ?? '',
    /has no timeout/,
  );
  assert.deepEqual(warnings(withUpstream('max_concurrent_requests: 5, queue: { max: 5, timeout: 1s }')), []);
});

test('endpoints are origins, each once, and not only backups', () => {
  const endpoints = (list: string): string[] =>
    errors(`listeners: [{ address: 127.0.0.1:1 }]\nupstreams: { u: { endpoints: ${list} } }\n`).map(
      ({ message }) => message,
    );
  for (const url of [
    'http://a/b',
    'http://a?b',
    'http://a#b',
    'http://u@a',
    'ftp://a',
    'a:80',
    'http://a:0',
    'http://a:65536',
    'http://1.2',
    'http://',
    'http://a b',
    'http:/a',
    'http://[::g]',
  ]) {
    assert.equal(endpoints(`['${url}']`).length, 1, url);
  }
  assert.match(endpoints("['http://a', 'http://A:80/']")[0] ?? '', /is the same endpoint as that on line 2/);
  assert.match(endpoints("[{ url: 'http://a', backup: true }]")[0] ?? '', /has only backups/);
  assert.deepEqual(endpoints('[]'), ['upstreams.u.endpoints must have at least 1 entry.']);
});

test('trusted proxies are networks; an address is one of its own', () => {
  const { config } = good(`${BASE}${ROUTE}trusted_proxies: [10.0.0.0/8, 192.168.1.1, 'FD00::/8']\n`);
  assert.deepEqual(config.trusted_proxies, ['10.0.0.0/8', '192.168.1.1/32', 'fd00::/8']);
  for (const network of ['10.0.0.0/33', 'fd00::/129', '10.0.0/8', 'a', '10.0.0.0/8/8', '10.0.0.0/']) {
    assert.equal(errors(`${BASE}${ROUTE}trusted_proxies: ['${network}']\n`).length, 1, network);
  }
});

test('no route at all is a warning', () => {
  assert.match(
    warnings('listeners: [{ address: 127.0.0.1:80 }]\n')[0]?.message ?? '',
    /every request is answered with 404/,
  );
});

test('what would be unsafe to ignore is refused, and the rest of what is not in force is noted', () => {
  const text = `listeners:
  - address: 127.0.0.1:8443
    tls: { certificates: [{ cert_file: a.pem, key_file: a.key }] }
redis: { url: 'redis://127.0.0.1' }
tracing: { otlp_endpoint: 'http://127.0.0.1:4318' }
access_log: {}
upstreams:
  u:
    endpoints: ['https://h:1']
    tls: { ca_file: ca.pem }
    balance: least_request
    slow_start: 1s
    http2: { enabled: true }
    dns: { ttl: 30s }
    health_check: {}
    outlier_detection: {}
    retry: { backoff: { base: 1ms }, budget_percent: 10 }
  v:
    endpoints: ['http://h:1']
    http2: { enabled: false }
    balance: round_robin
routes:
  - { id: a, path: /a, upstream: u, policies: { rate_limit: { limit: 1, window: 1s } } }
  - { id: b, path: /b, upstream: v }
`;
  assert.deepEqual(
    errors(text).map(({ line, path }) => [line, path]),
    [
      [3, 'listeners[0].tls'],
      [10, 'upstreams.u.tls'],
      [23, 'routes[0].policies.rate_limit'],
    ],
  );
  assert.deepEqual(
    warnings(text).map(({ line, path }) => [line, path.replace('upstreams.', '')]),
    [
      [4, 'redis'],
      [5, 'tracing'],
      [6, 'access_log'],
      [11, 'u.balance'],
      [12, 'u.slow_start'],
      [13, 'u.http2'],
      [14, 'u.dns'],
      [15, 'u.health_check'],
      [16, 'u.outlier_detection'],
      [17, 'u.retry.backoff'],
      [17, 'u.retry.budget_percent'],
    ],
  );
});

test('the table of what is not in force names options that exist', () => {
  for (const { at } of UNAVAILABLE) {
    const path = at.split('.').map((step) => (step !== '*' ? step : at.startsWith('upstreams') ? 'any' : 0));
    const option = String(path.pop());
    assert.ok(keysAt(path).includes(option), at);
  }
});
