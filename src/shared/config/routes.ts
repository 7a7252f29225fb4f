// A route: which requests it takes, and what becomes of them. Part of the schema. What needs more than one option to
// judge (exactly one kind of path, upstream or split) is in checks.ts.
import * as z from 'zod';
import { block, count, duration, flag, read } from './options.ts';
import { readHeaderName, readHeaderValue, readHostPattern, readMethod, readPath, readPrefix } from './pattern.ts';
import { policiesSchema } from './policies.ts';
import { readPathRegex } from './regex.ts';
import { upstreamName } from './upstreams.ts';

const routeId = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,100}$/, { error: 'is not a route id: 1 to 100 letters, digits, or any of _ . : -' });

export const routeSchema = block('Which requests are meant, and what becomes of them.', {
  id: routeId.meta({ description: 'Name of the route in metrics, logs and `explain`; unique.' }),
  hosts: z
    .array(read('`api.example.com`, or `*.example.com` for every name below it.', readHostPattern))
    .min(1, { error: 'must name at least one host, or be left out to match any' })
    .meta({ description: 'Hosts that it answers to; absent: any.' })
    .optional(),
  path: read('A whole path, or a template: `{name}` is one segment, `{name+}` the rest.', readPath, '^/').optional(),
  path_prefix: read('Every path that begins with these whole segments.', readPrefix, '^/').optional(),
  path_regex: read(
    'A regular expression for the whole path; must be matchable in linear time.',
    readPathRegex,
  ).optional(),
  methods: z
    .array(read('An HTTP method in capitals.', readMethod))
    .min(1, { error: 'must name at least one method, or be left out to match all' })
    .meta({ description: 'Methods that it takes; GET takes HEAD too. Absent: all.' })
    .optional(),
  headers: z
    .record(read('A header name.', readHeaderName), read('The exact value.', readHeaderValue))
    .meta({ description: 'Headers that must be present with exactly these values.' })
    .prefault({}),
  query: z
    .record(z.string().min(1), z.string())
    .meta({ description: 'Query parameters that must be present with exactly these values.' })
    .default({}),
  priority: count('Beats every other rule of precedence; the larger wins.', -1_000_000, 1_000_000).default(0),
  upstream: upstreamName.meta({ description: 'Name of the upstream that serves it.' }).optional(),
  split: z
    .array(
      block('One share.', {
        upstream: upstreamName.meta({ description: 'Name of an upstream.' }),
        weight: count('Share of the requests, relative to the others; 0 sends none.', 0, 1000),
      }),
    )
    .min(1)
    .max(64)
    .meta({ description: 'Several upstreams by weight, instead of `upstream`.' })
    .optional(),
  timeout: duration('The whole exchange: waiting for a slot, retries and the body included.', '1ms', '1d').prefault(
    '30s',
  ),
  allow_encoded_slashes: flag('Lets `%2F` and `%5C` in the path through instead of refusing them.').default(false),
  policies: policiesSchema.prefault({}),
});

export type Route = z.output<typeof routeSchema>;
