// The whole configuration as one zod schema: the single source of its types, checks, defaults, units and sentences.
// The loader parses with it; config/gateway.schema.json and docs/config.md are generated from it.
//
// `Config` has the names of the YAML keys and no default left open. Values are converted: durations are milliseconds,
// sizes bytes, hosts and header names lower case, endpoints always blocks. Every object is strict.
import { BlockList, isIP } from 'node:net';
import * as z from 'zod';
import { adminSchema, listenerSchema } from './listeners.ts';
import { block, count, duration, ratio, read, size, text } from './options.ts';
import { Refusal } from './refusal.ts';
import { routeSchema } from './routes.ts';
import { upstreamName, upstreamSchema } from './upstreams.ts';

function readNetwork(input: string): string | Refusal {
  const [address = '', bits, more] = input.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? widest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (family === 0 || address.includes('%') || more !== undefined || !(prefix <= widest)) {
    return new Refusal('is not a network', 'Write an address with a prefix length, such as 10.0.0.0/8 or fd00::/8.');
  }
  new BlockList().addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return `${address.toLowerCase()}/${prefix}`;
}

const limits = block('What a client may ask for; beyond it the answer is 413, 414, 431 or 503.', {
  max_header_bytes: size('Request line and header fields together.', '1KiB', '4MiB').prefault('64KiB'),
  max_headers: count('Header fields in a request.', 1, 10_000).default(200),
  max_body_bytes: size('Request body.', '1B', '1TiB').prefault('10MiB'),
  header_timeout: duration('From the first byte of a request to the end of its header.', '100ms', '10m').prefault(
    '10s',
  ),
  idle_timeout: duration('A connection without a request is closed after this time.', '1s', '1d').prefault('75s'),
  max_connections: count('Client connections open over the whole host.', 1, 10_000_000).default(20_000),
});

const redisUrl = z
  .string()
  .regex(/^rediss?:\/\/[^\s]+$/, { error: 'must be a URL that begins with redis:// or rediss://' });

const redis = block('The store that several hosts share their limits through.', {
  url: redisUrl.meta({ description: 'One server: `redis://127.0.0.1:6379`.' }).optional(),
  cluster: z.array(redisUrl).min(1).meta({ description: 'Some nodes of a Redis Cluster.' }).optional(),
  sentinel: block('A server found through Sentinel.', {
    name: text('Name of the group that Sentinel watches.'),
    nodes: z.array(redisUrl).min(1).meta({ description: 'The Sentinels.' }),
  }).optional(),
  timeout: duration('Longest wait for an answer; then `on_error` of the limit decides.', '1ms', '10s').prefault('25ms'),
});

const tracing = block('Spans to an OpenTelemetry collector.', {
  otlp_endpoint: z
    .string()
    .regex(/^https?:\/\/[^\s]+$/, { error: 'must be a URL that begins with http:// or https://' })
    .meta({ description: 'Address of the collector: `http://127.0.0.1:4318`.' }),
  sample_ratio: ratio('Share of the requests that are traced.', 0, 1).default(0.01),
});

const accessLog = block('One line for each request.', {
  path: text('A file, or - for standard output.').default('-'),
  sample_ratio: ratio('Share of the requests that are logged.', 0, 1).default(1),
});

export const configSchema = z.strictObject({
  listeners: z.array(listenerSchema).min(1).max(64).meta({ description: 'Where clients connect; at least one.' }),
  admin: adminSchema.prefault({}),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(1024)], { error: 'must be auto, or a whole number from 1 to 1024' })
    .meta({ description: 'Processes that serve requests; auto takes one for each CPU.' })
    .default('auto'),
  trusted_proxies: z
    .array(read('A network: `10.0.0.0/8`.', readNetwork))
    .max(1000)
    .meta({ description: 'Networks whose X-Forwarded-* headers are believed; from others they are overwritten.' })
    .prefault([]),
  limits: limits.prefault({}),
  redis: redis.optional(),
  tracing: tracing.optional(),
  access_log: accessLog.optional(),
  upstreams: z.record(upstreamName, upstreamSchema).meta({ description: 'Upstreams by name.' }).default({}),
  routes: z.array(routeSchema).meta({ description: 'Routes; the order matters only between equals.' }).default([]),
});

/** Filled and converted: what stands behind the loader. */
export type Config = z.output<typeof configSchema>;
/** As it is written. */
export type ConfigInput = z.input<typeof configSchema>;
