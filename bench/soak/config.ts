// The soak's configurations: one mixed gateway of which each reload draws another variant. Every variant serves the whole
// traffic, so that no answer depends on which one is in force.
import type { Random } from './random.ts';

export interface Site {
  port: number;
  adminPort: number;
  originPorts: [number, number];
}

/** In flight plus queue of the smallest variant are more than the traffic ever has, so nothing is refused for want of room. */
const CAP_MIN = 256;
const QUEUE_MAX = 2048;

export function soakConfig(site: Site, random: Random): string {
  const [first, second] = site.originPorts.map((port) => `http://127.0.0.1:${port}`);
  const endpoints = random.pick([
    [first],
    [second],
    [first, second],
    [`{ url: ${first}, weight: ${random.whole(1, 9)} }`, `{ url: ${second}, weight: ${random.whole(1, 9)} }`],
  ]);
  const lines = [
    `listeners: [{ address: 127.0.0.1:${site.port} }]`,
    `admin: { address: 127.0.0.1:${site.adminPort} }`,
    `limits: { max_headers: ${random.whole(100, 300)}, max_body_bytes: ${random.whole(1, 20)}MiB, idle_timeout: 75s }`,
    'upstreams:',
    upstream('main', endpoints, random),
    upstream('bulk', [first, second], random),
    'routes:',
    '  - { id: things, path_prefix: /things, upstream: main, timeout: 10s }',
    '  - { id: orders, path: /orders, methods: [POST], upstream: main, timeout: 10s }',
    `  - { id: labelled, path: '/labelled/{id}', upstream: main, timeout: 10s, policies: { headers: { request: { set: { x-variant: '${random.whole(1, 1000)}' } }, response: { remove: [server] } } } }`,
    '  - { id: bulk, path_prefix: /bulk, upstream: bulk, timeout: 60s, policies: { rewrite: { prefix: / } } }',
    '  - { id: ping, path: /ping, methods: [GET], policies: { respond: { body: pong } } }',
  ];
  const fillers = random.pick([0, 10, 100, 600]);
  for (let n = 0; n < fillers; n++) {
    lines.push(`  - { id: filler-${n}, path: '/filler-${n}/{id}', upstream: main, timeout: 5s }`);
  }
  return `${lines.join('\n')}\n`;
}

function upstream(name: string, endpoints: (string | undefined)[], random: Random): string {
  const cap = random.whole(CAP_MIN, 1024);
  const balance = random.pick(['p2c', 'round_robin']);
  const queue = `queue: { max: ${QUEUE_MAX}, timeout: 5s }`;
  return `  ${name}: { endpoints: [${endpoints.join(', ')}], balance: ${balance}, max_concurrent_requests: ${cap}, ${queue}, retry: { attempts: ${random.whole(0, 2)} } }`;
}

/** One of several ways to be wrong: not YAML, an unknown key, a reference to nothing, an address that is none. */
export function badConfig(good: string, random: Random): string {
  return random.pick([
    `${good}  - { id: broken, path: [\n`,
    `${good}listenres: []\n`,
    `${good}  - { id: stray, path: /stray, upstream: nobody }\n`,
    good.replace('timeout: 10s', 'timeout: ten'),
  ]);
}
