// The router's rules written a second time, as a linear scan without any index, and generators of small worlds in
// which routes and requests often meet. Shared by the property tests of the router and of `weir explain`.
import fc from 'fast-check';
import type { PathKind, RoutePlan } from '../../../src/shared/plan.ts';

export interface Request {
  method: string;
  host: string;
  path: string;
  search: string;
  rawHeaders: string[];
}

export function plan(route: Partial<RoutePlan> & { id: string; path: string; pathKind: PathKind }): RoutePlan {
  return {
    hosts: [],
    methods: null,
    headers: [],
    query: [],
    priority: 0,
    targets: [{ upstream: 0, weight: 1 }],
    timeoutMs: 1000,
    policies: [],
    allowEncodedSlashes: false,
    tier: 0,
    ...route,
  };
}

/**
 * @param routes strongest first
 * @param equal whether two routes have the same precedence
 */
export function modelMatch(
  routes: RoutePlan[],
  request: Request,
  equal: (a: RoutePlan, b: RoutePlan) => boolean,
): RoutePlan | null {
  const classes = [...new Set(routes.flatMap((route) => hostClasses(route, request.host)))].sort((a, b) => b - a);
  for (const hostClass of classes) {
    const fitting = routes.filter(
      (route) =>
        hostClasses(route, request.host).includes(hostClass) && fits(route, request) && takes(route, request.method),
    );
    const first = fitting[0];
    if (first === undefined) continue;
    if (request.method !== 'HEAD' || first.methods === null) return first;
    return fitting.find((route) => route.methods?.includes('HEAD') && equal(route, first)) ?? first;
  }
  return null;
}

export function modelAllowed(routes: RoutePlan[], request: Request): string[] | null {
  const methods = routes
    .filter((route) => hostClasses(route, request.host).length > 0 && fits(route, request))
    .flatMap((route) => route.methods ?? []);
  if (methods.includes('GET')) methods.push('HEAD');
  return methods.length === 0 ? null : [...new Set(methods)].sort();
}

/** Larger = stronger: exact 1000, a wildcard its length, any host 0; none = no match. */
function hostClasses(route: RoutePlan, host: string): number[] {
  if (route.hosts.length === 0) return [0];
  return route.hosts.flatMap((pattern) => {
    if (!pattern.startsWith('*')) return pattern === host ? [1000] : [];
    return host.endsWith(pattern.slice(1)) && host.length >= pattern.length ? [pattern.length] : [];
  });
}

function takes(route: RoutePlan, method: string): boolean {
  if (route.methods === null || route.methods.includes(method)) return true;
  return method === 'HEAD' && route.methods.includes('GET');
}

function fits(route: RoutePlan, request: Request): boolean {
  const params = new URLSearchParams(request.search);
  return (
    pathRegex(route).test(request.path) &&
    route.headers.every(([name, value]) => new Headers(pairs(request.rawHeaders)).get(name) === value) &&
    route.query.every(([name, value]) => params.get(name) === value)
  );
}

function pairs(flat: string[]): [string, string][] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : [])) as [string, string][];
}

function pathRegex(route: RoutePlan): RegExp {
  if (route.pathKind === 'regex') return new RegExp(`^(?:${route.path})$`);
  if (route.pathKind === 'exact') return new RegExp(`^${quote(route.path)}$`);
  if (route.pathKind === 'prefix') return new RegExp(`^${quote(route.path === '/' ? '' : route.path)}(?:/.*)?$`);
  const segments = route.path.split('/').map((segment) => {
    if (/^\{.+\+\}$/.test(segment)) return '.+';
    return /^\{.+\}$/.test(segment) ? '[^/]+' : quote(segment);
  });
  return new RegExp(`^${segments.join('/')}$`);
}

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

const segment = fc.constantFrom('a', 'b', 'ab', 'c');
const segments = fc.array(segment, { minLength: 1, maxLength: 3 });
const paths: fc.Arbitrary<[PathKind, string]> = fc.oneof(
  fc.tuple(
    fc.constant<PathKind>('exact'),
    fc.tuple(segments, fc.constantFrom('', '/')).map(([all, end]) => `/${all.join('/')}${end}`),
  ),
  fc.tuple(
    fc.constant<PathKind>('template'),
    fc
      .tuple(
        fc.array(fc.oneof(segment, fc.constant('{}')), { maxLength: 2 }),
        fc.constantFrom('{}', '{+}', '{}/', '{}/a'),
      )
      .map(([all, end]) => name([...all, end])),
  ),
  fc.tuple(
    fc.constant<PathKind>('prefix'),
    fc.oneof(
      segments.map((all) => `/${all.join('/')}`),
      fc.constant('/'),
    ),
  ),
  fc.tuple(
    fc.constant<PathKind>('regex'),
    fc.constantFrom(
      '/a/.*',
      '/[ab]+',
      '/a(?:/b)?',
      '/a|/b',
      '/ab?/c',
      '.*',
      '^/a/b/[^/]*',
      '/a\\/b.*',
      '/b/a|b/c',
      '/a{2}',
    ),
  ),
);

/** Parameters of a template have names of their own. */
function name(parts: string[]): string {
  let next = 0;
  return `/${parts.join('/')}`.replace(/\{/g, () => `{p${next++}`);
}

const hosts = fc.constantFrom<string[]>('a.com', 'b.a.com', 'c.b.a.com', '*.a.com', '*.b.a.com', '*.com');
const methods = fc.option(fc.uniqueArray(fc.constantFrom('GET', 'POST', 'HEAD'), { minLength: 1, maxLength: 2 }), {
  nil: null,
});
const headers = fc.uniqueArray(fc.constantFrom<[string, string][]>(['x-a', '1'], ['x-b', '2'], ['x-c', '']), {
  maxLength: 2,
});
const query = fc.uniqueArray(fc.constantFrom<[string, string][]>(['v', '1'], ['w', ''], ['x y', 'a+b']), {
  maxLength: 2,
});

/** Routes in file order, as a config would list them. */
export const routeLists: fc.Arbitrary<RoutePlan[]> = fc
  .array(
    fc.record({
      path: paths,
      hosts: fc.oneof(
        { weight: 2, arbitrary: fc.constant<string[]>([]) },
        fc.uniqueArray(hosts, { minLength: 1, maxLength: 2 }),
      ),
      methods,
      headers: fc.oneof({ weight: 3, arbitrary: fc.constant<[string, string][]>([]) }, headers),
      query: fc.oneof({ weight: 3, arbitrary: fc.constant<[string, string][]>([]) }, query),
      priority: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -1, max: 1 })),
    }),
    { maxLength: 25 },
  )
  .map((list) =>
    list.map(({ path: [pathKind, path], ...rest }, index) => plan({ id: `r${index}`, pathKind, path, ...rest })),
  );

export const requests: fc.Arbitrary<Request> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT'),
  host: fc.constantFrom('a.com', 'b.a.com', 'c.b.a.com', 'd.b.a.com', 'x.com', 'com', 'xa.com', 'org', ''),
  path: fc
    .array(fc.constantFrom('a', 'b', 'ab', 'c', ''), { minLength: 1, maxLength: 4 })
    .map((all) => `/${all.join('/')}`),
  search: fc.constantFrom('', '?', '?v=1', '?w', '?v=%31&w=', '?v=2&v=1', '?x+y=a%2Bb', '?%76=1&x%20y=a%2bb&&w'),
  rawHeaders: fc.constantFrom<string[][]>(
    [],
    ['X-A', '1'],
    ['x-a', '1', 'X-B', '2'],
    ['x-c', ''],
    ['x-a', '1', 'x-a', '1'],
  ),
});
