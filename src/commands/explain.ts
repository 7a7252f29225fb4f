// `weir explain METHOD URL`: the route that a request would take, what is in force for it, and why each other route
// lost. Reads the config file, asks nothing of a running gateway.
import { type Compiled, compile } from '../shared/config/compile.ts';
import { formatFault } from '../shared/config/fault.ts';
import { type Loaded, loadConfigFile } from '../shared/config/load.ts';
import { redact } from '../shared/config/redact.ts';
import type { Config } from '../shared/config/schema.ts';
import { formatDuration, formatSize } from '../shared/config/units.ts';
import { failure, type Reason } from '../shared/errors.ts';
import type { RoutePlan, RouteTarget, UpstreamPlan } from '../shared/plan.ts';
import { type Explanation, explainRoutes, type RoutedRequest, readRequest } from '../worker/route/explain.ts';
import { EXIT_CONFIG, EXIT_FAILED, EXIT_OK, type Io, parseOptions, usageError } from './command.ts';

export const name = 'explain';
export const summary = 'the route that a request takes, and why';
export const usage = `Usage: weir explain METHOD URL [-H 'name: value'] --config FILE [--all] [--json]

Prints the path as Weir reads it, the route that wins with every policy, limit and timeout in force, and why each other
route lost. URL is http://host/path?query, or /path?query together with -H 'Host: …'.

  -H, --header 'name: value'   a request header; may be repeated
      --config FILE            the config to ask
      --all                    also list the routes whose host or path does not match, when they are many
      --json                   the same as one object

Exit codes: 0 a route is found, 1 none is or the request is refused, 2 wrong usage, 78 the config has faults.
`;

/** Up to this many routes, those of another host or path are listed, too. */
const LISTED_MAX = 20;

type Answer = { reason: null; status: null; why: null } | { reason: Reason; status: number; why: string };

export async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions(
    args,
    {
      options: {
        config: { type: 'string' },
        header: { type: 'string', short: 'H', multiple: true, default: [] },
        all: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
      allowPositionals: true,
    },
    name,
  );
  const [method, url, ...more] = positionals;
  if (method === undefined || url === undefined) throw usageError('A method and a URL are needed.', name);
  if (more.length > 0) throw usageError(`"${more[0]}" is one word too many.`, name);
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) throw usageError(`"${method}" is not a method.`, name);
  if (!/^(\/|\*$|https?:\/\/)/i.test(url)) throw usageError(`"${url}" begins neither with / nor with http://.`, name);
  if (values.config === undefined) throw usageError('--config FILE is needed.', name);
  const rawHeaders = values.header.flatMap(readHeader);

  const loaded = loadConfigFile(values.config, io.env);
  if (!loaded.ok) {
    for (const fault of loaded.faults) io.stderr.write(`${formatFault(fault, io.colour)}\n\n`);
    return EXIT_CONFIG;
  }
  const report = explain(loaded, method, url, rawHeaders);
  io.stdout.write(values.json ? `${JSON.stringify(asJson(report), null, 2)}\n` : asText(report, values.all, io.colour));
  return report.answer.reason === null ? EXIT_OK : EXIT_FAILED;
}

function readHeader(line: string): [string, string] {
  const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
  if (parts === null) throw usageError(`-H "${line}" is not "name: value".`, name);
  return [parts[1] as string, parts[2] as string];
}

// ── the question and its answer ────────────────────────────────────────────────────────────────────────────────────

interface Report {
  method: string;
  url: string;
  /** null where the request is refused before it is routed */
  request: RoutedRequest | null;
  answer: Answer;
  /** with secrets starred out, like everything in here */
  compiled: Compiled;
  winner: RoutePlan | null;
  rank: number;
  rivals: Explanation['rivals'];
  allow: string[] | null;
}

function explain(loaded: Loaded & { ok: true }, method: string, url: string, rawHeaders: string[]): Report {
  const { routes } = compile(loaded.config, loaded.hash);
  const compiled = compile(redact(loaded.config, loaded.secrets) as Config, loaded.hash);
  const shown = new Map(compiled.routes.map((route) => [route.id, route]));
  const report = { method, url, request: null, compiled, winner: null, rank: 0, rivals: [], allow: null };
  const request = readRequest(method, url, rawHeaders);
  if ('refused' in request) return { ...report, answer: answerOf(request.refused, request.why) };

  const { winner, rivals, allow } = explainRoutes(routes, request, shown);
  const rank = winner === null ? 0 : routes.indexOf(winner) + 1;
  const found = { winner: winner === null ? null : (shown.get(winner.id) ?? winner), rank, rivals, allow };
  return { ...report, request, ...found, answer: judge(request, winner, allow) };
}

/** In the order in which the worker decides. */
function judge(request: RoutedRequest, winner: RoutePlan | null, allow: string[] | null): Answer {
  if (winner === null && allow === null) return answerOf('route_not_found', 'No route fits this host and path.');
  if (winner === null) return answerOf('method_not_allowed', `Routes exist for ${allow?.join(', ')} only.`);
  if (request.encodedSlash && !winner.allowEncodedSlashes) {
    return answerOf('bad_target', `The path holds %2F or %5C, and "${winner.id}" has no allow_encoded_slashes.`);
  }
  return { reason: null, status: null, why: null };
}

function answerOf(reason: Reason, why: string): Answer {
  return { reason, status: failure(reason).status, why };
}

// ── for programs ───────────────────────────────────────────────────────────────────────────────────────────────────

function asJson(report: Report): object {
  const { request, answer, winner, compiled } = report;
  return {
    method: report.method,
    url: report.url,
    ...(request === null ? {} : { host: request.host, path: request.path, query: request.search }),
    ...(answer.reason === null ? {} : answer),
    ...(report.allow === null ? {} : { allow: report.allow }),
    route:
      winner === null
        ? null
        : {
            ...matchAsJson(winner),
            rank: report.rank,
            priority: winner.priority,
            timeout_ms: winner.timeoutMs,
            allow_encoded_slashes: winner.allowEncodedSlashes,
            policies: winner.policies,
            upstreams: winner.targets.map(({ upstream, weight }) => ({
              weight,
              ...upstreamAsJson(compiled.head.upstreams[upstream] as UpstreamPlan),
            })),
          },
    limits: snakeKeys(compiled.head.limits),
    rivals: report.rivals.map(({ route, lostBy, rule, why }) => ({ id: route.id, lost_by: lostBy, rule, why })),
  };
}

function matchAsJson(route: RoutePlan): object {
  const { id, hosts, pathKind, path, methods, headers, query } = route;
  return { id, hosts, path_kind: pathKind, path, methods, headers, query };
}

/** Without the numbers that only a running gateway has. */
function upstreamAsJson(upstream: UpstreamPlan): object {
  const { item: _item, waitingItem: _waiting, eldestItem: _eldest, endpoints, ...rest } = upstream;
  return { ...snakeKeys(rest), endpoints: endpoints.map(({ origin, weight, backup }) => ({ origin, weight, backup })) };
}

/** `connectTimeoutMs` → `connect_timeout_ms`: the spelling of the config and of every JSON answer. */
function snakeKeys(record: object): object {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

// ── for people ─────────────────────────────────────────────────────────────────────────────────────────────────────

function asText(report: Report, all: boolean, colour: boolean): string {
  const { request, answer, winner, compiled } = report;
  const lines = [`${report.method} ${report.url}`];
  if (request !== null) {
    lines.push(row('host', request.host === '' ? 'none given: only routes without hosts fit' : request.host));
    lines.push(row('path', request.path));
    if (request.search !== '') lines.push(row('query', `${request.search} (forwarded as it is)`));
  }
  if (answer.reason !== null) {
    lines.push('', paint(`${answer.status} ${answer.reason}`, '31', colour), `  ${answer.why}`);
    if (report.allow !== null) lines.push(row('Allow', report.allow.join(', ')));
  }
  if (winner !== null) lines.push('', ...winnerLines(report, winner, colour));
  if (request !== null) lines.push('', ...rivalLines(report, all || compiled.routes.length <= LISTED_MAX, colour));
  return `${lines.join('\n')}\n`;
}

function winnerLines(report: Report, winner: RoutePlan, colour: boolean): string[] {
  const { limits, upstreams, routeCount } = report.compiled.head;
  const lines = [
    `${paint(`route ${winner.id}`, '32', colour)} (${report.rank} of ${routeCount} in order of precedence)`,
  ];
  lines.push(row('matches', conditions(winner)));
  if (winner.priority !== 0) lines.push(row('priority', String(winner.priority)));
  lines.push(row('timeout', `${formatDuration(winner.timeoutMs)} for the whole exchange, retries included`));
  lines.push(row('slashes', `%2F and %5C in the path are ${winner.allowEncodedSlashes ? 'let through' : 'refused'}`));
  if (winner.policies.length === 0) lines.push(row('policies', 'none'));
  for (const [index, { name: policy, options }] of winner.policies.entries()) {
    lines.push(row(index === 0 ? 'policies' : '', `${policy} ${JSON.stringify(options, withoutEmpty)}`));
  }
  const weights = winner.targets.reduce((sum, { weight }) => sum + weight, 0);
  if (winner.targets.length === 0) lines.push(row('upstream', 'none: a policy answers'));
  for (const target of winner.targets) lines.push(...upstreamLines(target, upstreams, weights));
  lines.push(
    row(
      'limits',
      `header ${formatSize(limits.maxHeaderBytes)} in ${limits.maxHeaders} fields within ${formatDuration(limits.headerTimeoutMs)}`,
    ),
    row('', `body ${formatSize(limits.maxBodyBytes)}, idle connection ${formatDuration(limits.idleTimeoutMs)}`),
    row('', `${limits.maxConnections} connections over the host`),
  );
  return lines;
}

function upstreamLines(target: RouteTarget, upstreams: UpstreamPlan[], weights: number): string[] {
  const upstream = upstreams[target.upstream] as UpstreamPlan;
  const share = target.weight === weights ? '' : ` gets ${((target.weight / weights) * 100).toFixed(1)} %,`;
  const cap = upstream.maxConcurrentRequests;
  const queue =
    upstream.queueMax === 0 ? 'no queue' : `${upstream.queueMax} may wait ${formatDuration(upstream.queueTimeoutMs)}`;
  const attempts = upstream.retryAttempts;
  const lines = [
    row('upstream', `${upstream.name}${share} balanced by ${upstream.balance}`),
    row('', cap === 0 ? 'no cap on requests in flight' : `at most ${cap} requests in flight over the host, ${queue}`),
    row(
      '',
      `connect within ${formatDuration(upstream.connectTimeoutMs)}, retry attempts ${attempts} for ${upstream.retryMethods.join(', ')}`,
    ),
    row('', `Host upstream: ${upstream.preserveHost ? "the client's" : "the endpoint's"}`),
  ];
  for (const { origin, weight, backup } of upstream.endpoints) {
    lines.push(row('', `${origin}${weight === 1 ? '' : `, weight ${weight}`}${backup ? ', backup' : ''}`));
  }
  return lines;
}

function rivalLines(report: Report, all: boolean, colour: boolean): string[] {
  const shown = report.rivals.filter(({ lostBy }) => all || (lostBy !== 'host' && lostBy !== 'path'));
  const hidden = report.rivals.length - shown.length;
  if (report.rivals.length === 0) return ['no other routes'];
  const lines = [paint(report.winner === null ? 'no route fits' : 'the others lost', '1', colour)];
  const width = Math.min(30, Math.max(0, ...shown.map(({ route }) => route.id.length)));
  for (const { route, lostBy, rule, why } of shown) {
    const rank = lostBy === 'precedence' && rule !== null ? 'weaker' : lostBy;
    lines.push(`  ${route.id.padEnd(width)}  ${rank.padEnd(6)}  ${why}`);
  }
  if (hidden > 0) lines.push(`  ${hidden} more for another host or path (--all lists them)`);
  return lines;
}

function conditions(route: RoutePlan): string {
  const parts = [route.hosts.length === 0 ? 'any host' : route.hosts.join(' or '), `${route.pathKind} ${route.path}`];
  parts.push(route.methods === null ? 'any method' : route.methods.join(' or '));
  for (const [header, value] of route.headers) parts.push(`header ${header}: ${value}`);
  for (const [parameter, value] of route.query) parts.push(`query ${parameter}=${value}`);
  return parts.join(', ');
}

/** A headers policy has four places for changes, of which most are empty. */
function withoutEmpty(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.keys(value).length === 0 ? undefined : value;
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(8)}  ${text}`;
}

function paint(text: string, code: string, colour: boolean): string {
  return colour ? `\x1b[${code}m${text}\x1b[0m` : text;
}
