// The checks of routes: exactly one kind of path, a way to answer, known upstreams, unique ids, and no two routes of
// equal precedence for the same requests. Near linear in the number of routes. Called by checks.ts.
import type { View } from './checks.ts';
import type { Path } from './fault.ts';
import { matchOf, pathShape } from './match.ts';
import { didYouMean } from './nearest.ts';
import type { Route } from './routes.ts';
import type { Finding } from './source.ts';

/** Beyond this many faults nobody reads hints, and each compares a name with every upstream. */
const HINTED_MAX = 200;
const PATH_OPTIONS = ['path', 'path_prefix', 'path_regex'] as const;

export function checkRoutes(view: View): Finding[] {
  const findings: Finding[] = [];
  const ids = new Map<string, number>();
  const claims = new Map<string, number>();
  if (view.routes.length === 0) {
    findings.push({
      severity: 'warning',
      path: ['routes'],
      message: 'has no entry: every request is answered with 404',
      hint: null,
    });
  }
  for (const [at, { raw, route }] of view.routes.entries()) {
    const path: Path = ['routes', at];
    checkId(raw['id'], path, at, ids, findings);
    const onePath = checkPathKind(raw, path, findings);
    checkTarget(raw, path, view, findings);
    if (route === null) continue;
    checkRoute(route, raw, path, findings);
    if (onePath) checkClaims(route, at, claims, findings);
  }
  return findings;
}

function checkId(id: unknown, path: Path, at: number, ids: Map<string, number>, findings: Finding[]): void {
  if (typeof id !== 'string') return;
  const first = ids.get(id);
  if (first === undefined) ids.set(id, at);
  else {
    findings.push({
      severity: 'error',
      path: [...path, 'id'],
      message: (lineOf) => `is the same as that of the route on line ${lineOf(['routes', first, 'id'])}`,
      hint: 'Ids name routes in metrics and logs, so each must be unique.',
    });
  }
}

function checkPathKind(raw: Record<string, unknown>, path: Path, findings: Finding[]): boolean {
  const given = PATH_OPTIONS.filter((option) => Object.hasOwn(raw, option));
  if (given.length === 1) return true;
  const second = given[1];
  findings.push({
    severity: 'error',
    path: second === undefined ? path : [...path, second],
    ...(second === undefined ? {} : { atKey: true }),
    message:
      second === undefined
        ? 'needs one of path, path_prefix and path_regex'
        : `cannot stand beside ${given[0]}: a route has one kind of path`,
    hint: second === undefined ? 'To take every path, write path_prefix: /' : null,
  });
  return false;
}

function checkTarget(raw: Record<string, unknown>, path: Path, view: View, findings: Finding[]): void {
  const single = Object.hasOwn(raw, 'upstream');
  const split = Object.hasOwn(raw, 'split');
  const responds = isBlock(raw['policies']) && Object.hasOwn(raw['policies'], 'respond');
  if (single && split) {
    findings.push({
      severity: 'error',
      path: [...path, 'split'],
      atKey: true,
      message: 'cannot stand beside upstream',
      hint: 'Name every upstream as a share of split.',
    });
  } else if (!single && !split && !responds) {
    findings.push({ severity: 'error', path, message: 'needs upstream, split, or a respond policy', hint: null });
  } else if (responds && (single || split)) {
    const option = single ? 'upstream' : 'split';
    findings.push({
      severity: 'warning',
      path: [...path, option],
      atKey: true,
      message: 'is never asked, because the respond policy answers',
      hint: null,
    });
  }
  checkReference(raw['upstream'], [...path, 'upstream'], view, findings);
  if (!Array.isArray(raw['split'])) return;
  for (const [at, share] of raw['split'].entries()) {
    if (isBlock(share)) checkReference(share['upstream'], [...path, 'split', at, 'upstream'], view, findings);
  }
}

function checkReference(name: unknown, path: Path, view: View, findings: Finding[]): void {
  if (typeof name !== 'string' || view.upstreams.has(name)) return;
  const hidden = view.isSubstituted(path);
  findings.push({
    severity: 'error',
    path,
    message: hidden ? 'names an upstream that is not defined' : `names the upstream "${name}", which is not defined`,
    hint: hidden || findings.length > HINTED_MAX ? null : didYouMean(name, view.upstreams.keys()),
  });
}

function checkRoute(route: Route, raw: Record<string, unknown>, path: Path, findings: Finding[]): void {
  const written = raw['path_prefix'];
  if (typeof written === 'string' && written !== '/' && written.endsWith('/')) {
    findings.push({
      severity: 'warning',
      path: [...path, 'path_prefix'],
      message: 'ends in a slash, which means nothing: whole segments are matched, with and without it',
      hint: 'Leave it out.',
    });
  }
  for (const option of PATH_OPTIONS) {
    if (option === 'path_regex' || route.allow_encoded_slashes || !/%(?:2F|5C)/.test(route[option] ?? '')) continue;
    findings.push({
      severity: 'error',
      path: [...path, option],
      message: 'has an encoded slash, which is refused in requests to this route',
      hint: 'Set allow_encoded_slashes: true.',
    });
  }
  if (route.split?.every(({ weight }) => weight === 0)) {
    findings.push({ severity: 'error', path: [...path, 'split'], message: 'has no share above 0', hint: null });
  }
  for (const option of ['headers', 'query'] as const) checkFolded(raw[option], option, [...path, option], findings);
  checkPolicies(route, [...path, 'policies'], findings);
}

function checkPolicies(route: Route, path: Path, findings: Finding[]): void {
  const { rewrite, respond } = route.policies;
  if (rewrite !== undefined) {
    const both = rewrite.prefix !== undefined && rewrite.path !== undefined;
    if (both || (rewrite.prefix === undefined && rewrite.path === undefined)) {
      findings.push({
        severity: 'error',
        path: [...path, 'rewrite'],
        message: 'needs either prefix or path',
        hint: null,
      });
    } else if (rewrite.prefix !== undefined && route.path_prefix === undefined) {
      findings.push({
        severity: 'error',
        path: [...path, 'rewrite', 'prefix'],
        message: 'replaces the matched path_prefix, but this route has none',
        hint: 'Use rewrite.path, or match by path_prefix.',
      });
    }
  }
  if (respond === undefined) return;
  const redirect = respond.status >= 300 && respond.status < 400 && respond.status !== 304;
  if (redirect && respond.location === undefined) {
    findings.push({
      severity: 'error',
      path: [...path, 'respond'],
      message: `is a redirect by its status ${respond.status}, but has no location`,
      hint: null,
    });
  }
  if (!redirect && respond.location !== undefined && respond.status !== 201) {
    findings.push({
      severity: 'error',
      path: [...path, 'respond', 'location'],
      message: `means nothing with the status ${respond.status}`,
      hint: 'A redirect has the status 301, 302, 303, 307 or 308.',
    });
  }
  if (respond.body !== '' && (respond.status === 204 || respond.status === 304)) {
    findings.push({
      severity: 'error',
      path: [...path, 'respond', 'body'],
      message: `cannot be sent with the status ${respond.status}`,
      hint: null,
    });
  }
}

/** Header names differ by more than their case; query names are as they are. */
function checkFolded(raw: unknown, option: 'headers' | 'query', path: Path, findings: Finding[]): void {
  if (option === 'query' || !isBlock(raw)) return;
  const seen = new Set<string>();
  for (const name of Object.keys(raw)) {
    if (seen.has(name.toLowerCase())) {
      findings.push({
        severity: 'error',
        path: [...path, name],
        atKey: true,
        message: 'is named twice: the case of header names means nothing',
        hint: null,
      });
    }
    seen.add(name.toLowerCase());
  }
}

/**
 * Each route claims every (host, condition, path, method) that it would serve; a second claim on one is a fault. A route
 * for all methods claims apart from those that name some, since naming them is stronger. GET takes HEAD along, but a
 * route that names HEAD is the stronger there, so the two do not meet.
 */
function checkClaims(route: Route, at: number, claims: Map<string, number>, findings: Finding[]): void {
  const match = matchOf(route);
  const rest = JSON.stringify([
    match.priority,
    match.pathKind,
    pathShape(match),
    sorted(match.headers),
    sorted(match.query),
  ]);
  for (const host of match.hosts.length === 0 ? [''] : match.hosts) {
    for (const method of match.methods ?? ['']) {
      const claim = `${host} ${method} ${rest}`;
      const first = claims.get(claim);
      if (first === undefined) {
        claims.set(claim, at);
        continue;
      }
      const option = PATH_OPTIONS.find((name) => route[name] !== undefined) ?? 'path';
      const what = [method, host].filter((part) => part !== '').join(' on ');
      findings.push({
        severity: 'error',
        path: ['routes', at, option],
        message: (lineOf) =>
          `takes the same requests as the route on line ${lineOf(['routes', first])}${what === '' ? '' : ` (${what})`}, and neither has precedence`,
        hint: 'Tell them apart by hosts, methods, headers, query or priority, or remove one.',
      });
      return;
    }
  }
}

function sorted(pairs: readonly [string, string][]): [string, string][] {
  return [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
