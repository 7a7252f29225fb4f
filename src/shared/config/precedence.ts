// Which of two routes is asked first. The order of the Gateway API for what it knows, extended: priority, exact path,
// longer literal prefix, template before prefix before regex, more literal characters, fewer parameters, methods given,
// more headers, more query parameters. Every rule is a number of one route alone and the numbers are compared in turn,
// so the order cannot contradict itself. Called by compile, the worker's router and `weir explain`.
import type { PathKind, RoutePlan } from '../plan.ts';
import { regexLiteralPrefix } from './regex.ts';

/** One number for each rule, the larger is the stronger. */
export type PrecedenceKey = readonly number[];

/** The rules in words, index for index as in the key. */
export const PRECEDENCE_RULES = [
  'priority',
  'exact path',
  'longer literal prefix',
  'template before prefix before regex',
  'more literal characters',
  'fewer parameters',
  'no greedy parameter',
  'methods given',
  'more headers',
  'more query parameters',
] as const;

const KIND_RANK: Record<PathKind, number> = { exact: 3, template: 2, prefix: 1, regex: 0 };

/** Below 0: a is the stronger; 0: equal, and the order in the file decides. Hosts are not considered. */
export function comparePrecedence(a: RoutePlan, b: RoutePlan): number {
  return compareKeys(precedenceKey(a), precedenceKey(b));
}

/** Sorts strongest first and numbers the tiers. Stable: equals keep their order. Keys are made once each, not once a comparison. */
export function rankRoutes(routes: readonly RoutePlan[]): RoutePlan[] {
  const keyed = routes.map((route) => ({ route, key: precedenceKey(route) })).sort((a, b) => compareKeys(a.key, b.key));
  let tier = 0;
  return keyed.map(({ route, key }, at) => {
    if (at > 0 && compareKeys(keyed[at - 1]!.key, key) !== 0) tier += 1;
    return { ...route, tier };
  });
}

export function precedenceKey(route: RoutePlan): PrecedenceKey {
  const template = route.pathKind === 'template';
  const parameters = template ? (route.path.match(/\{/g)?.length ?? 0) : 0;
  const greedy = template && route.path.endsWith('+}');
  return [
    route.priority,
    route.pathKind === 'exact' ? 1 : 0,
    literalPrefix(route).length,
    KIND_RANK[route.pathKind],
    template ? route.path.replace(/\{[^}]*\}/g, '').length : 0,
    -parameters,
    greedy ? 0 : 1,
    route.methods === null ? 0 : 1,
    route.headers.length,
    route.query.length,
  ];
}

export function compareKeys(a: PrecedenceKey, b: PrecedenceKey): number {
  for (let at = 0; at < a.length; at++) {
    const difference = (b[at] ?? 0) - (a[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function literalPrefix(route: RoutePlan): string {
  if (route.pathKind === 'template') return route.path.slice(0, route.path.indexOf('{'));
  return route.pathKind === 'regex' ? regexLiteralPrefix(route.path) : route.path;
}
