// Why a request goes where it goes: the router's answer found a second way, one route after another, with a reason for
// each one that lost. Pure; `weir explain` and the console call it, and a property test holds it to the router.
import { comparePrecedence, PRECEDENCE_RULES, precedenceKey } from '../../shared/config/precedence.ts';
import type { RoutePlan } from '../../shared/plan.ts';
import { headersMatch, headerValue, methodMatches, queryMatches, queryValue } from './conditions.ts';
import { readHost } from './host.ts';
import { compilePathRegex } from './path-regex.ts';
import { readTarget, Target, targetFault } from './target.ts';

/** The first question to which a rival had the wrong answer; `precedence`: it fits, but another route is stronger. */
export type LostBy = 'host' | 'path' | 'method' | 'header' | 'query' | 'precedence';

export interface Rival {
  route: RoutePlan;
  lostBy: LostBy;
  /** for `precedence`: the rule that decided, in the words of shared/config/precedence.ts, `host`, `HEAD named`
   *  or `order in the file` */
  rule: string | null;
  /** a clause for people: `its path /users is not /user` */
  why: string;
}

/** A request in the form in which routes are matched. */
export interface RoutedRequest {
  method: string;
  /** as readHost() gives it; '' = the request names none */
  host: string;
  path: string;
  search: string;
  encodedSlash: boolean;
  rawHeaders: readonly string[];
}

export interface Explanation {
  winner: RoutePlan | null;
  /** in order of precedence */
  rivals: Rival[];
  /** methods for Allow where only the method kept every route from matching; null = a winner, or no such route */
  allow: string[] | null;
}

/**
 * Brings a request into the form in which it is matched, with the refusals that the server has for it.
 *
 * @param rawTarget origin form, absolute form or `*`
 * @returns the request, or the reason with which it is answered and a sentence on why
 */
export function readRequest(
  method: string,
  rawTarget: string,
  rawHeaders: readonly string[],
): RoutedRequest | { refused: 'bad_target' | 'bad_host'; why: string } {
  const target = new Target();
  if (readTarget(rawTarget, target) !== null) {
    return { refused: 'bad_target', why: `The target is refused: ${targetFault(rawTarget)}.` };
  }
  if (target.path === '*' && method !== 'OPTIONS') {
    return { refused: 'bad_target', why: 'The target * belongs to OPTIONS alone.' };
  }
  const written = headerValue('host', rawHeaders) ?? target.authority;
  const host = written === null ? '' : readHost(written);
  if (host === null) return { refused: 'bad_host', why: `"${written}" is not one valid host[:port].` };
  if (target.authority !== null && readHost(target.authority) !== host) {
    return {
      refused: 'bad_host',
      why: `The Host field says ${host}, the target ${target.authority}: they must agree.`,
    };
  }
  return { method, host, path: target.path, search: target.search, encodedSlash: target.encodedSlash, rawHeaders };
}

/**
 * @param routes in order of precedence, as compile() gives them
 * @param shown by id: the routes to be quoted in reasons where `routes` hold secrets; null = the routes themselves
 */
export function explainRoutes(
  routes: readonly RoutePlan[],
  request: RoutedRequest,
  shown: ReadonlyMap<string, RoutePlan> | null = null,
): Explanation {
  const misfits = routes.map((route) => misfit(route, request, shown?.get(route.id) ?? route));
  const winner = strongest(
    routes.filter((_, rank) => misfits[rank] === null),
    request,
  );
  const rivals: Rival[] = [];
  for (const [rank, route] of routes.entries()) {
    if (route === winner) continue;
    const { lostBy, why } = misfits[rank] ?? { lostBy: 'precedence' as const, why: '' };
    if (lostBy === 'precedence') rivals.push({ route, lostBy, ...decidingRule(winner as RoutePlan, route, request) });
    else rivals.push({ route, lostBy, rule: null, why });
  }
  return { winner, rivals, allow: winner === null ? allowOf(rivals, request) : null };
}

/** @param fitting in order of precedence */
function strongest(fitting: readonly RoutePlan[], { host, method }: RoutedRequest): RoutePlan | null {
  const closest = Math.max(...fitting.map((route) => hostStrength(route, host)));
  const close = fitting.filter((route) => hostStrength(route, host) === closest);
  const first = close[0] ?? null;
  if (first === null || method !== 'HEAD' || first.methods === null) return first;
  // of equal precedence, one that names HEAD is stronger than one that serves it through GET
  return close.find((route) => namesHead(route) && comparePrecedence(route, first) === 0) ?? first;
}

function namesHead(route: RoutePlan): boolean {
  return route.methods?.includes('HEAD') === true;
}

/** A route lost by its method alone when its headers and query fit as well. */
function allowOf(rivals: readonly Rival[], request: RoutedRequest): string[] | null {
  const methods = new Set<string>();
  for (const { route, lostBy } of rivals) {
    if (lostBy !== 'method') continue;
    if (!headersMatch(route.headers, request.rawHeaders) || !queryMatches(route.query, request.search)) continue;
    for (const method of route.methods ?? []) methods.add(method);
  }
  if (methods.has('GET')) methods.add('HEAD');
  return methods.size === 0 ? null : [...methods].sort();
}

/** The first question that the route answers with no, null where it fits. */
function misfit(route: RoutePlan, request: RoutedRequest, shown: RoutePlan): { lostBy: LostBy; why: string } | null {
  if (hostStrength(route, request.host) === -1) {
    const asked = request.host === '' ? 'the request names no host' : `the host is ${request.host}`;
    return { lostBy: 'host', why: `it is for ${shown.hosts.join(', ')}, and ${asked}` };
  }
  if (!pathMatches(route, request.path)) return { lostBy: 'path', why: pathReason(route, request.path, shown.path) };
  if (!methodMatches(route.methods, request.method)) {
    return { lostBy: 'method', why: `it takes ${route.methods?.join(', ')}` };
  }
  for (const [index, [name, value]] of route.headers.entries()) {
    const found = headerValue(name, request.rawHeaders);
    if (found !== value)
      return { lostBy: 'header', why: `it wants header ${name}: ${shown.headers[index]?.[1]}, ${foundInWords(found)}` };
  }
  for (const [index, [name, value]] of route.query.entries()) {
    const found = queryValue(name, request.search);
    if (found !== value)
      return { lostBy: 'query', why: `it wants query ${name}=${shown.query[index]?.[1]}, ${foundInWords(found)}` };
  }
  return null;
}

function foundInWords(found: string | null): string {
  return found === null ? 'which is absent' : `and the request has "${found}"`;
}

/** Infinity: by name; n: by a wildcard of that length; 0: any host; -1: not for this host. */
function hostStrength(route: RoutePlan, host: string): number {
  if (route.hosts.length === 0) return 0;
  let strength = -1;
  for (const pattern of route.hosts) {
    if (!pattern.startsWith('*.')) {
      if (readHost(pattern) === host) return Number.POSITIVE_INFINITY;
    } else {
      const suffix = `.${readHost(pattern.slice(2))}`;
      if (host.length > suffix.length && host.endsWith(suffix)) strength = Math.max(strength, suffix.length);
    }
  }
  return strength;
}

function pathMatches(route: RoutePlan, path: string): boolean {
  if (!path.startsWith('/')) return false;
  if (route.pathKind === 'regex') return compilePathRegex(route.path).test(path);
  const configured = canonical(route.path);
  if (route.pathKind === 'exact') return path === configured;
  if (route.pathKind === 'template') return templateMatches(configured.split('/'), path.split('/'));
  const base = configured.replace(/\/$/, '');
  return path === base || path.startsWith(`${base}/`);
}

function canonical(path: string): string {
  const target = new Target();
  return readTarget(path, target) === null ? target.path : path;
}

function templateMatches(wanted: string[], given: string[]): boolean {
  for (const [index, segment] of wanted.entries()) {
    if (segment.startsWith('{') && segment.endsWith('+}')) return given.slice(index).join('/').length > 0;
    const actual = given[index];
    if (actual === undefined) return false;
    if (segment.startsWith('{') && segment.endsWith('}') ? actual === '' : actual !== segment) return false;
  }
  return wanted.length === given.length;
}

function pathReason(route: RoutePlan, path: string, shownPath: string): string {
  const kind = { exact: 'path', template: 'template', prefix: 'prefix', regex: 'regex' }[route.pathKind];
  const other = path.endsWith('/') && path !== '/' ? path.slice(0, -1) : `${path}/`;
  const slash = path.startsWith('/') && pathMatches(route, other) ? ' (the slash at the end matters)' : '';
  return `its ${kind} ${shownPath} does not match${slash}`;
}

/** The first rule by which `winner` is stronger than `rival`, which fits too. */
function decidingRule(
  winner: RoutePlan,
  rival: RoutePlan,
  { host, method }: RoutedRequest,
): { rule: string; why: string } {
  if (hostStrength(winner, host) > hostStrength(rival, host)) {
    return { rule: 'host', why: `${hostInWords(winner, host)} is closer to the host than ${hostInWords(rival, host)}` };
  }
  const strong = precedenceKey(winner);
  const weak = precedenceKey(rival);
  for (const [index, rule] of PRECEDENCE_RULES.entries()) {
    if (strong[index] !== weak[index]) return { rule, why: `the winner is stronger by "${rule}"` };
  }
  if (method === 'HEAD' && namesHead(winner) && !namesHead(rival)) {
    return { rule: 'HEAD named', why: 'the winner is as strong and names HEAD' };
  }
  return { rule: 'order in the file', why: 'the winner is as strong and stands before it in the file' };
}

/** The pattern by which the route fits the host. */
function hostInWords(route: RoutePlan, host: string): string {
  const strength = hostStrength(route, host);
  return route.hosts.find((pattern) => hostStrength({ ...route, hosts: [pattern] }, host) === strength) ?? 'any host';
}
