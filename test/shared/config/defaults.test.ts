// A minimal configuration is filled with the documented defaults, converted to milliseconds and bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { good } from './loading.ts';

test('what is not written has its default', () => {
  const { config } = good(`listeners: [{ address: '127.0.0.1:8080' }]
upstreams: { users: { endpoints: [http://10.0.1.45:8080, { url: http://10.0.1.46:8080, weight: 2, backup: true }] } }
routes: [{ id: users, path: /users, upstream: users }]
`);
  assert.deepEqual(JSON.parse(JSON.stringify(config)), {
    listeners: [{ address: '127.0.0.1:8080' }],
    admin: { address: '127.0.0.1:9901' },
    workers: 'auto',
    trusted_proxies: [],
    limits: {
      max_header_bytes: 65_536,
      max_headers: 200,
      max_body_bytes: 10_485_760,
      header_timeout: 10_000,
      idle_timeout: 75_000,
      max_connections: 20_000,
    },
    upstreams: {
      users: {
        endpoints: [
          { url: 'http://10.0.1.45:8080', weight: 1, backup: false },
          { url: 'http://10.0.1.46:8080', weight: 2, backup: true },
        ],
        balance: 'p2c',
        queue: { max: 0, timeout: 0 },
        connect_timeout: 500,
        retry: {
          attempts: 1,
          methods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'],
          backoff: { base: 25, max: 250 },
          budget_percent: 20,
        },
        preserve_host: false,
      },
    },
    routes: [
      {
        id: 'users',
        path: '/users',
        headers: {},
        query: {},
        priority: 0,
        upstream: 'users',
        timeout: 30_000,
        allow_encoded_slashes: false,
        policies: {},
      },
    ],
  });
});

test('an option that is a block takes its own defaults as soon as it is there', () => {
  const { config } = good(`listeners: [{ address: 127.0.0.1:80 }]
upstreams: { u: { endpoints: ['http://h:1'], circuit_breaker: {}, health_check: {}, outlier_detection: {} } }
`);
  assert.deepEqual(config.upstreams['u']?.circuit_breaker, {
    window: 10_000,
    minimum_requests: 20,
    failure_ratio: 0.5,
    open_for: 5000,
    half_open_requests: 3,
    failure_statuses: [502, 503, 504],
  });
  assert.deepEqual(config.upstreams['u'].health_check, {
    path: '/healthz',
    interval: 5000,
    timeout: 1000,
    healthy_after: 2,
    unhealthy_after: 3,
  });
  assert.equal(config.upstreams['u'].outlier_detection?.base_ejection_time, 30_000);
});
