// What a reload would change, in the words of the configuration: listeners by address, upstreams and routes by name,
// everything else by option. Order, comments and how a value was written make no difference. Called by `weir diff`.
import { compile } from './compile.ts';
import { formatPath, type Path } from './fault.ts';
import { valueAt } from './issues.ts';
import { isSecretPath, REDACTED, withoutPassword } from './redact.ts';
import type { Config } from './schema.ts';
import { schemasAt } from './suggest.ts';
import { formatDuration, formatSize } from './units.ts';

export interface OptionChange {
  /** below the thing that changed: `timeout`, `policies.headers.request.set.x-a` */
  option: string;
  /** as it would be written; null = absent. Secrets are starred. */
  from: string | null;
  to: string | null;
}

export interface Change {
  kind: 'listener' | 'upstream' | 'route' | 'setting';
  /** address, name, id, or the path of the setting */
  name: string;
  change: 'added' | 'removed' | 'changed';
  options: OptionChange[];
  /** what the reload does because of it, where that is not plain */
  effect: string | null;
}

interface Side {
  config: Config;
  secrets: readonly Path[];
}

const NAMED = new Set(['listeners', 'upstreams', 'routes']);

export function difference(from: Side, to: Side): Change[] {
  const pools = [poolKeys(from.config), poolKeys(to.config)] as const;
  const listeners = named('listener', from, to, (config) =>
    index(config.listeners, 'listeners', ({ address }) => address),
  );
  const upstreams = named(
    'upstream',
    from,
    to,
    (config) => new Map(Object.keys(config.upstreams).map((name) => [name, ['upstreams', name]])),
  );
  const routes = named('route', from, to, (config) => index(config.routes, 'routes', ({ id }) => id));
  for (const change of upstreams) {
    if (change.change === 'removed') change.effect = 'its connections drain';
    else if (change.change === 'changed')
      change.effect = poolEffect(pools[0].get(change.name), pools[1].get(change.name));
  }
  return [...settings(from, to), ...listeners, ...upstreams, ...routes];
}

function settings(from: Side, to: Side): Change[] {
  const leaves = compare(omitNamed(from.config), omitNamed(to.config), {
    from: [],
    to: [],
    fromSide: from,
    toSide: to,
  });
  return leaves.map((leaf) => ({
    kind: 'setting',
    name: leaf.option,
    change: 'changed',
    options: [leaf],
    effect: null,
  }));
}

function omitNamed(config: Config): object {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !NAMED.has(key)));
}

function named(kind: Change['kind'], from: Side, to: Side, places: (config: Config) => Map<string, Path>): Change[] {
  const before = places(from.config);
  const after = places(to.config);
  const changes: Change[] = [];
  for (const [name, path] of before) {
    const now = after.get(name);
    if (now === undefined) {
      changes.push({ kind, name, change: 'removed', options: [], effect: null });
      continue;
    }
    const options = compare(valueAt(from.config, path), valueAt(to.config, now), {
      from: path,
      to: now,
      fromSide: from,
      toSide: to,
    });
    if (options.length > 0) changes.push({ kind, name, change: 'changed', options, effect: null });
  }
  for (const name of after.keys()) {
    if (!before.has(name)) changes.push({ kind, name, change: 'added', options: [], effect: null });
  }
  return changes;
}

function index<T>(list: readonly T[], key: string, nameOf: (item: T) => string): Map<string, Path> {
  return new Map(list.map((item, at) => [nameOf(item), [key, at]]));
}

interface Places {
  from: Path;
  to: Path;
  fromSide: Side;
  toSide: Side;
}

/** Blocks are compared key by key; a list is one value, since its entries have no names. */
function compare(before: unknown, after: unknown, places: Places, below: Path = []): OptionChange[] {
  if (isBlock(before) && isBlock(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => compare(before[key], after[key], places, [...below, key]));
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const show = (value: unknown, base: Path, side: Side) =>
    value === undefined ? null : written(value, [...base, ...below], side);
  return [
    {
      option: formatPath(below),
      from: show(before, places.from, places.fromSide),
      to: show(after, places.to, places.toSide),
    },
  ];
}

/** A converted value as an operator would write it. */
function written(value: unknown, path: Path, side: Side): string {
  if (isSecretPath(path)) return REDACTED;
  const text = formatPath(path);
  const hidden = side.secrets.some((secret) => {
    const secretText = formatPath(secret);
    return secretText === text || secretText.startsWith(`${text}.`) || secretText.startsWith(`${text}[`);
  });
  if (hidden) return REDACTED;
  if (typeof value === 'number') {
    const unit = schemasAt(path)
      .map((node) => node.meta?.()?.['x-unit'])
      .find((found) => found !== undefined);
    if (unit === 'duration') return formatDuration(value);
    if (unit === 'size') return formatSize(value);
  }
  if (isBlock(value)) {
    const inner = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => `${key}: ${written(item, [...path, key], side)}`);
    return `{ ${inner.join(', ')} }`;
  }
  if (Array.isArray(value)) return `[${value.map((item, at) => written(item, [...path, at], side)).join(', ')}]`;
  return typeof value === 'string' ? plain(withoutPassword(value)) : String(value);
}

/** Quoted where a bare word would be read as something else. */
function plain(text: string): string {
  return /^[A-Za-z/*][^\s,:#[\]{}"]*(?::[^\s,#[\]{}"]+)*$/.test(text) && !/^(?:true|false|null)$/.test(text)
    ? text
    : JSON.stringify(text);
}

function poolKeys(config: Config): Map<string, string> {
  return new Map(
    compile(config, '').head.upstreams.map(({ name, endpoints }) => [
      name,
      endpoints
        .map(({ poolKey }) => poolKey)
        .sort()
        .join('\n'),
    ]),
  );
}

function poolEffect(before: string | undefined, after: string | undefined): string | null {
  if (before === after) return 'its open connections are kept';
  const kept = new Set(before?.split('\n'));
  const shared = after?.split('\n').filter((key) => kept.has(key)).length ?? 0;
  return shared > 0
    ? 'connections of unchanged endpoints are kept, others drain'
    : 'its connections drain and new ones are opened';
}

function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
