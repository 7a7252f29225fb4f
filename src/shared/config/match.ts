// What a route matches, as the plan has it: the kind of path, canonical hosts, methods and conditions. Called by
// compile, and by the checks that find two routes for the same requests.
import type { RoutePlan } from '../plan.ts';
import type { Route } from './routes.ts';

export type Match = Pick<RoutePlan, 'hosts' | 'pathKind' | 'path' | 'methods' | 'headers' | 'query' | 'priority'>;

/** @param route with exactly one kind of path, as the checks have made sure */
export function matchOf(route: Route): Match {
  return {
    hosts: route.hosts === undefined ? [] : [...new Set(route.hosts)],
    ...pathOf(route),
    methods: route.methods === undefined ? null : [...new Set(route.methods)],
    headers: Object.entries(route.headers),
    query: Object.entries(route.query),
    priority: route.priority,
  };
}

/** Two paths of one kind and equal shape match the same requests: `/a/{x}` and `/a/{y}`. */
export function pathShape(match: Match): string {
  return match.pathKind === 'template' ? match.path.replace(/\{[^}]*?(\+?)\}/g, '{$1}') : match.path;
}

function pathOf(route: Route): Pick<RoutePlan, 'pathKind' | 'path'> {
  if (route.path_prefix !== undefined) return { pathKind: 'prefix', path: route.path_prefix };
  if (route.path_regex !== undefined) return { pathKind: 'regex', path: route.path_regex };
  const path = route.path ?? '/';
  return { pathKind: path.includes('{') ? 'template' : 'exact', path };
}
