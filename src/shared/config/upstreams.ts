// The upstreams: where requests go, how many at once, and what happens when that fails. Part of the schema.
import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import { block, count, duration, flag, ratio, read, text } from './options.ts';
import { readMethod } from './pattern.ts';
import { Refusal } from './refusal.ts';

/** `HTTP://Users.Internal:80/` → `http://users.internal`; anything beyond scheme, host and port is refused. */
function readOrigin(input: string): string | Refusal {
  const shape = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/@?#]*)@)?(\[[^\]]*\]|[^/:?#@]+)(?::(\d{1,5}))?(.*)$/i.exec(input);
  if (shape === null) return new Refusal('is not a URL', 'Write http://HOST:PORT or https://HOST:PORT.');
  const [, scheme = '', userinfo, host = '', port, rest] = shape;
  if (!/^https?$/i.test(scheme)) return new Refusal(`has the scheme ${scheme}`, 'Only http and https are possible.');
  if (userinfo !== undefined)
    return new Refusal('must not hold a user or password', 'Set an Authorization header by a headers policy instead.');
  if (rest !== '' && rest !== '/') {
    return new Refusal(
      'must end after the port',
      'A path is changed by a rewrite policy on the route, not by the endpoint.',
    );
  }
  if (port !== undefined && (Number(port) === 0 || Number(port) > 65_535))
    return new Refusal('has no valid port', 'Ports go from 1 to 65535.');
  const named = host.startsWith('[')
    ? isIPv6(host.slice(1, -1))
    : /[A-Za-z]/.test(host)
      ? /^[A-Za-z0-9_.-]+$/.test(host)
      : isIPv4(host);
  const url = named ? URL.parse(input) : null;
  return url === null
    ? new Refusal('has no valid host', 'Write an IP address ([::1] for IPv6) or a DNS name.')
    : url.origin;
}

const ORIGIN_PATTERN = '^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+/?$';
const originOption = read('Scheme, host and port: `http://10.0.1.45:8080`.', readOrigin, ORIGIN_PATTERN);

const endpoint = z
  .union([
    originOption.transform((url) => ({ url, weight: 1, backup: false })),
    block('An endpoint with options.', {
      url: originOption,
      weight: count('Share of the requests, relative to the other endpoints.', 1, 1000).default(1),
      backup: flag('Used only while no endpoint without this mark is usable.').default(false),
    }),
  ])
  .meta({ description: 'A URL, or a block with url, weight and backup.' });

const status = count('An HTTP status.', 100, 599);
const method = read('An HTTP method in capitals.', readMethod);

const circuitBreaker = block('Stops sending to an upstream that keeps failing.', {
  window: duration('Time over which failures are counted.', '1s', '10m').prefault('10s'),
  minimum_requests: count('Fewer requests than this within the window never open it.', 1, 1_000_000).default(20),
  failure_ratio: ratio('Opens at this share of failed requests.', 0.01, 1).default(0.5),
  open_for: duration('How long it stays open at first; doubled each further time, up to 60s.', '100ms', '1m').prefault(
    '5s',
  ),
  half_open_requests: count('Trial requests over the whole host before it closes.', 1, 1000).default(3),
  failure_statuses: z.array(status).meta({ description: 'Answers that count as failures.' }).default([502, 503, 504]),
});

const outlierDetection = block('Sets single endpoints aside that fail while others do not.', {
  consecutive_failures: count('Failures in a row that set an endpoint aside.', 1, 1000).default(5),
  base_ejection_time: duration('How long the first time; grows with each further one.', '1s', '1h').prefault('30s'),
  max_ejection_percent: count('At most this share of the endpoints, in percent.', 0, 100).default(50),
});

const retry = block('Further attempts after one that failed before the answer began.', {
  attempts: count('Attempts after the first; 0 turns retries off.', 0, 10).default(1),
  methods: z
    .array(method)
    .meta({
      description:
        'Methods that may be repeated although the upstream may have acted; a refused connection is always repeated.',
    })
    .prefault(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']),
  backoff: block('Pause before a further attempt, with full jitter.', {
    base: duration('Longest pause before the first further attempt; doubled each time.', '0ms', '10s').prefault('25ms'),
    max: duration('Longest pause of all.', '0ms', '1m').prefault('250ms'),
  }).prefault({}),
  budget_percent: count('Retries over the whole host, in percent of its requests.', 0, 100).default(20),
});

const healthCheck = block('Asks every endpoint in intervals, once per host.', {
  path: text('Path to ask for; any 2xx answer is healthy.').default('/healthz'),
  interval: duration('Time between two checks of an endpoint.', '100ms', '1h').prefault('5s'),
  timeout: duration('Longest wait for the answer.', '10ms', '1m').prefault('1s'),
  healthy_after: count('Good answers in a row until an endpoint is used again.', 1, 100).default(2),
  unhealthy_after: count('Bad answers in a row until an endpoint is no longer used.', 1, 100).default(3),
});

const tls = block('TLS towards the endpoints.', {
  ca_file: text('PEM file with the authorities to trust.').optional(),
  cert_file: text('PEM file with the client certificate.').optional(),
  key_file: text('PEM file with its private key.').optional(),
  server_name: text('Name to ask for and to verify.').optional(),
  subject_alt_names: z
    .array(text('A name.'))
    .min(1)
    .meta({ description: 'Names of which the certificate must carry one.' })
    .optional(),
});

export const upstreamSchema = block('A named group of endpoints that serve the same thing.', {
  endpoints: z.array(endpoint).min(1).max(1024).meta({ description: 'URLs, or blocks with url, weight and backup.' }),
  balance: z
    .enum(['p2c', 'round_robin', 'least_request', 'consistent_hash'])
    .meta({ description: 'How an endpoint is picked; p2c takes the less busy one of two.' })
    .default('p2c'),
  max_concurrent_requests: count(
    'Requests in flight over the whole host; above it they queue or get 503. Absent: no cap.',
    1,
    10_000_000,
  ).optional(),
  queue: block('Requests that wait for a slot instead of being refused.', {
    max: count('How many may wait over the whole host.', 0, 1_000_000).default(0),
    timeout: duration('How long each may wait.', '0ms', '1h').prefault('0ms'),
  }).prefault({}),
  connect_timeout: duration('Longest time to open a connection, TLS included.', '1ms', '5m').prefault('500ms'),
  circuit_breaker: circuitBreaker.optional(),
  outlier_detection: outlierDetection.optional(),
  retry: retry.prefault({}),
  health_check: healthCheck.optional(),
  slow_start: duration('A new or recovered endpoint gets its full share only after this time.', '0ms', '1h').optional(),
  dns: block('How names of endpoints are looked up.', {
    ttl: duration('Names are looked up again after this time.', '1s', '1h').prefault('30s'),
  }).optional(),
  tls: tls.optional(),
  http2: block('HTTP/2 towards the endpoints.', {
    enabled: flag('Speaks HTTP/2 where the endpoint offers it.').default(false),
    max_concurrent_streams: count('Streams on one connection.', 1, 10_000).default(100),
  }).optional(),
  preserve_host: flag("Sends the client's Host instead of the endpoint's.").default(false),
});

export type Upstream = z.output<typeof upstreamSchema>;

export const upstreamName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'is not an upstream name: 1 to 64 letters, digits, or any of _ . -' });
