// The checks that need more than one option: references between routes and upstreams, options that exclude each other,
// two routes for the same requests, numbers that cannot work together. Called by the loader. They also run on what is
// left of a configuration with other faults, so that every fault is shown at once.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
import type { Path } from './fault.ts';
import { isLoopback, isWildcard, splitAddress } from './listeners.ts';
import { checkRoutes } from './route-checks.ts';
import type { Route } from './routes.ts';
import type { Config } from './schema.ts';
import type { Finding } from './source.ts';
import { formatDuration } from './units.ts';
import type { Upstream } from './upstreams.ts';

/** What could be read of a configuration; null stands for a part that has faults of its own. */
export interface View {
  listeners: (Config['listeners'][number] | null)[];
  admin: Config['admin'] | null;
  upstreams: Map<string, Upstream | null>;
  routes: { raw: Record<string, unknown>; route: Route | null }[];
  /** whether a value came from the environment or a file, and so must not be repeated in a message */
  isSubstituted: (path: Path) => boolean;
}

export function check(view: View): Finding[] {
  return [
    ...checkAddresses(view),
    ...checkUpstreams(view),
    ...checkRoutes(view),
    ...checkUse(view),
    ...checkRetries(view),
  ];
}

function checkAddresses(view: View): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, number>();
  for (const [at, listener] of view.listeners.entries()) {
    if (listener === null) continue;
    const path = ['listeners', at, 'address'];
    const first = seen.get(listener.address);
    if (first !== undefined) {
      findings.push({
        severity: 'error',
        path,
        message: (lineOf) =>
          `is the same address as that of the listener on line ${lineOf(['listeners', first, 'address'])}`,
        hint: null,
      });
    }
    seen.set(listener.address, at);
    if (view.admin !== null && collide(listener.address, view.admin.address)) {
      findings.push({
        severity: 'error',
        path,
        message: `takes the address of admin, ${view.admin.address}`,
        hint: 'Give one of the two another port.',
      });
    }
  }
  if (view.admin === null) return findings;
  const { address, token } = view.admin;
  if (token === undefined && !isLoopback(address)) {
    findings.push({
      severity: 'error',
      path: ['admin', 'address'],
      message: 'can be reached from other hosts, and there is no token: anyone could reload or drain this gateway',
      hint: 'Set admin.token, best as ${file:/run/secrets/…}, or listen on 127.0.0.1.',
    });
  }
  if (token !== undefined && token.length < 16) {
    findings.push({
      severity: 'warning',
      path: ['admin', 'token'],
      message: 'is shorter than 16 characters and could be guessed',
      hint: null,
    });
  }
  return findings;
}

function collide(a: string, b: string): boolean {
  const [one, other] = [splitAddress(a), splitAddress(b)];
  if (one.port === 0 || one.port !== other.port) return false;
  return one.host === other.host || isWildcard(a) || isWildcard(b);
}

function checkUpstreams(view: View): Finding[] {
  const findings: Finding[] = [];
  for (const [name, upstream] of view.upstreams) {
    if (upstream === null) continue;
    const path: Path = ['upstreams', name];
    const seen = new Map<string, number>();
    for (const [at, { url }] of upstream.endpoints.entries()) {
      const authority = url.slice(url.indexOf('//') + 2);
      const first = seen.get(authority);
      if (first !== undefined) {
        findings.push({
          severity: 'error',
          path: [...path, 'endpoints', at],
          message: (lineOf) => `is the same endpoint as that on line ${lineOf([...path, 'endpoints', first])}`,
          hint: 'Give one of them a larger weight instead.',
        });
      }
      seen.set(authority, at);
    }
    if (upstream.endpoints.every(({ backup }) => backup)) {
      findings.push({
        severity: 'error',
        path: [...path, 'endpoints'],
        message: 'has only backups',
        hint: 'A backup stands in for endpoints that are not.',
      });
    }
    const { max, timeout } = upstream.queue;
    if (max > 0 && upstream.max_concurrent_requests === undefined) {
      findings.push({
        severity: 'warning',
        path: [...path, 'queue'],
        message: 'is never used, because the upstream has no max_concurrent_requests',
        hint: null,
      });
    } else if (max > 0 !== timeout > 0) {
      const message =
        max > 0 ? 'has no timeout, so nobody can wait in it' : 'has a timeout but no max, so nobody can wait in it';
      findings.push({ severity: 'warning', path: [...path, 'queue'], message, hint: null });
    }
    if (upstream.retry.backoff.base > upstream.retry.backoff.max) {
      findings.push({
        severity: 'error',
        path: [...path, 'retry', 'backoff'],
        message: 'has a base above its max',
        hint: null,
      });
    }
  }
  return findings;
}

/** Raw values are read: a route with another fault uses its upstream all the same. */
function checkUse(view: View): Finding[] {
  const used = new Set<unknown>();
  for (const { raw } of view.routes) {
    used.add(raw['upstream']);
    if (Array.isArray(raw['split']))
      for (const share of raw['split']) used.add((share as { upstream?: unknown } | null)?.upstream);
  }
  const findings: Finding[] = [];
  for (const name of view.upstreams.keys()) {
    if (used.has(name)) continue;
    findings.push({
      severity: 'warning',
      path: ['upstreams', name],
      atKey: true,
      message: 'is used by no route',
      hint: null,
    });
  }
  return findings;
}

/** One finding for an upstream, at the route that leaves it the least time. */
function checkRetries(view: View): Finding[] {
  const shortest = new Map<string, { at: number; timeout: number }>();
  for (const [at, { route }] of view.routes.entries()) {
    if (route === null) continue;
    const names =
      route.split?.map(({ upstream }) => upstream) ?? (route.upstream === undefined ? [] : [route.upstream]);
    for (const name of names) {
      if (route.timeout < (shortest.get(name)?.timeout ?? Number.POSITIVE_INFINITY))
        shortest.set(name, { at, timeout: route.timeout });
    }
  }
  const findings: Finding[] = [];
  for (const [name, { at, timeout }] of shortest) {
    const upstream = view.upstreams.get(name) ?? null;
    if (upstream === null || upstream.retry.attempts === 0) continue;
    const spent = upstream.connect_timeout * upstream.retry.attempts;
    if (spent < timeout) continue;
    const tries =
      upstream.retry.attempts === 1 ? 'one failed connect takes' : `${upstream.retry.attempts} failed connects take`;
    findings.push({
      severity: 'warning',
      path: ['upstreams', name, 'retry'],
      message: (lineOf) =>
        `cannot fit in the timeout of ${formatDuration(timeout)} on line ${lineOf(['routes', at, 'timeout'])}: ${tries} up to ${formatDuration(spent)}`,
      hint: 'Shorten connect_timeout, or lower retry.attempts.',
    });
  }
  return findings;
}
