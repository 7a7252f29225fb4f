// The policies that a route can carry, and the catalogue: the order in which they run. What each one's options look
// like here is what its worker half receives in `PolicyPlan.options`. Part of the schema.
import * as z from 'zod';
import { block, count, duration, read } from './options.ts';
import { readHeaderName, readHeaderValue, readPath, readPrefix, TOKEN } from './pattern.ts';
import { Refusal } from './refusal.ts';

/** Framing, routing and forwarding headers: Weir makes them itself, so a policy on them would break or forge a request. */
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'keep-alive',
  'via',
]);

function readOwnableHeader(input: string): string | Refusal {
  const name = readHeaderName(input);
  if (name instanceof Refusal) return name;
  if (!OWN_HEADERS.has(name) && !name.startsWith('proxy-') && !name.startsWith('x-forwarded-')) return name;
  return new Refusal(
    `"${name}" cannot be changed`,
    name === 'host' ? 'preserve_host on the upstream decides which Host is sent.' : 'Weir makes this header itself.',
  );
}

const headerName = read('A header name.', readOwnableHeader, `^${TOKEN}$`);
const headerPairs = (sentence: string) =>
  z.record(headerName, read('A header value.', readHeaderValue)).meta({ description: sentence }).default({});

const headerChanges = (sentence: string) =>
  block(sentence, {
    set: headerPairs('Headers to set; whatever had the name before goes.'),
    add: headerPairs('Headers to add beside what has the name already.'),
    remove: z.array(headerName).meta({ description: 'Headers to take out; done first.' }).prefault([]),
  });

const headers = block('Changes request and response headers.', {
  request: headerChanges('Towards the upstream.').optional(),
  response: headerChanges('Towards the client.').optional(),
});

const rewrite = block('Changes the path that the upstream sees; the query stays.', {
  prefix: read('Takes the place of the matched `path_prefix`.', readPrefix, '^/').optional(),
  path: read('The whole path; parameters are not possible.', readFixedPath, '^/').optional(),
});

function readFixedPath(input: string): string | Refusal {
  return /[{}]/.test(input) ? new Refusal('must be a literal path, without {parameters}') : readPath(input);
}

const respond = block('Answers by itself: a fixed answer or a redirect.', {
  status: count('Status of the answer.', 200, 599).default(200),
  body: z.string().max(1_048_576).meta({ description: 'Body of the answer, as it is.' }).default(''),
  content_type: read('Content-Type of the body.', readHeaderValue).prefault('text/plain; charset=utf-8'),
  location: read('Location header: where a redirect leads.', readLocation).optional(),
});

function readLocation(input: string): string | Refusal {
  return /^[\x21-\x7e]+$/.test(input)
    ? input
    : new Refusal(
        'is not a location',
        'Write a URL or a path of visible ASCII characters; others are percent-encoded.',
      );
}

const limitKey = z
  .string()
  .regex(new RegExp(`^(?:client_ip|route|header:${TOKEN})$`), { error: 'must be client_ip, route or header:NAME' });

const rateLimit = block('Admits at most `limit` requests per key in any sliding window.', {
  key: z
    .union([limitKey.transform((key) => [key]), z.array(limitKey).min(1).max(8)])
    .meta({ description: 'What is counted apart: client_ip, header:NAME, route, or a list of these.' })
    .prefault('client_ip'),
  limit: count('Requests admitted per window and key.', 1, 1_000_000_000),
  window: duration('The sliding window.', '1s', '1d'),
  on_error: z
    .enum(['local', 'open', 'closed'])
    .meta({ description: "When Redis cannot answer: this host's share, everything, or nothing passes." })
    .default('local'),
  mode: z.enum(['enforce', 'shadow']).meta({ description: 'shadow counts and lets pass.' }).default('enforce'),
});

/** In the order in which they run: a request meets them from the first to the last. */
export const policiesSchema = block('What happens to a request on its way, in the order below.', {
  rate_limit: rateLimit.optional(),
  respond: respond.optional(),
  rewrite: rewrite.optional(),
  headers: headers.optional(),
});

export type Policies = z.output<typeof policiesSchema>;
export type PolicyName = keyof Policies;
export type HeadersOptions = z.output<typeof headers>;
export type RewriteOptions = z.output<typeof rewrite>;
export type RespondOptions = z.output<typeof respond>;
export type RateLimitOptions = z.output<typeof rateLimit>;

export const POLICY_ORDER = Object.keys(policiesSchema.shape) as PolicyName[];
