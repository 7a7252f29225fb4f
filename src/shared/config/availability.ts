// Options that this version reads but does not put in force: the one table of them. A warning where a gateway without
// the option only does less, an error where it would be unsafe to go on without. Once an option is in force, its line goes.
import type { Path } from './fault.ts';
import { valueAt } from './issues.ts';
import type { Finding } from './source.ts';

interface Unavailable {
  /** `*` stands for every name or index */
  at: string;
  severity: Finding['severity'];
  /** for an error: what would happen without it */
  without?: string;
  /** only these written values are meant; absent: any */
  when?: (value: unknown) => boolean;
}

export const UNAVAILABLE: readonly Unavailable[] = [
  { at: 'listeners.*.tls', severity: 'error', without: 'this listener would serve plain HTTP' },
  { at: 'upstreams.*.tls', severity: 'error', without: 'its certificates would not be checked as asked for' },
  { at: 'routes.*.policies.rate_limit', severity: 'error', without: 'every request would be admitted' },
  { at: 'redis', severity: 'warning' },
  { at: 'tracing', severity: 'warning' },
  { at: 'access_log', severity: 'warning' },
  {
    at: 'upstreams.*.balance',
    severity: 'warning',
    when: (value) => value === 'least_request' || value === 'consistent_hash',
  },
  { at: 'upstreams.*.circuit_breaker', severity: 'warning' },
  { at: 'upstreams.*.outlier_detection', severity: 'warning' },
  { at: 'upstreams.*.health_check', severity: 'warning' },
  { at: 'upstreams.*.slow_start', severity: 'warning' },
  { at: 'upstreams.*.dns', severity: 'warning' },
  { at: 'upstreams.*.http2', severity: 'warning', when: (value) => valueAt(value, ['enabled']) === true },
  { at: 'upstreams.*.retry.backoff', severity: 'warning' },
  { at: 'upstreams.*.retry.budget_percent', severity: 'warning' },
];

/** @param root what is written, before defaults are filled in: only that can be ignored */
export function checkAvailability(root: unknown): Finding[] {
  return UNAVAILABLE.flatMap((option) => {
    const found: Finding[] = [];
    visit(root, option.at.split('.'), [], (path, value) => {
      if (option.when?.(value) === false) return;
      const name = String(path.at(-1));
      const said = typeof value === 'string' ? `${name}: ${value}` : name;
      const message =
        option.without === undefined
          ? `Option ${said} is read but not in force in this version.`
          : `Option ${said} is not in force in this version, and without it ${option.without}.`;
      const hint = option.severity === 'error' ? 'Remove it if that is acceptable.' : null;
      found.push({ severity: option.severity, path, atKey: true, message, hint });
    });
    return found;
  });
}

function visit(
  value: unknown,
  pattern: readonly string[],
  path: Path,
  found: (path: Path, value: unknown) => void,
): void {
  const step = pattern[path.length];
  if (step === undefined) {
    if (value !== null && value !== undefined) found(path, value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (step !== '*') {
    if (Object.hasOwn(value, step)) visit((value as Record<string, unknown>)[step], pattern, [...path, step], found);
  } else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) visit(item, pattern, [...path, at], found);
  } else {
    for (const [name, item] of Object.entries(value)) visit(item, pattern, [...path, name], found);
  }
}
