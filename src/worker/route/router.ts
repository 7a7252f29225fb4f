// From a request to its route: the host chooses a table, the path chooses candidates in it, and the strongest candidate
// whose method, headers and query fit wins. Built when a plan is built, route by route in order of precedence, so that
// "stronger" is one comparison of ranks here; asked once per request.
//
//   hosts:  exact name → table        table:  exact path → candidates (one Map lookup)
//           *.suffix   → table                trie of segments → templates, prefixes, regexes
//           any        → table
import { OperatorError } from '../../shared/errors.ts';
import type { RoutePlan } from '../../shared/plan.ts';
import { readHost } from './host.ts';
import { compilePathRegex, literalSegments } from './path-regex.ts';
import { type Candidate, Search, TrieNode, walkTrie } from './route-trie.ts';
import { readTarget, Target, targetFault } from './target.ts';

const target = new Target();
const SLASH_CODE = 0x2f;
const DOT_CODE = 0x2e;

class HostTable<T> {
  readonly exact = new Map<string, Candidate<T>[]>();
  /** null while the host has exact paths only */
  root: TrieNode<T> | null = null;
}

/** @typeParam T what a match gives; the router does not look into it */
export class Router<T> {
  size = 0;
  readonly #exactHosts = new Map<string, HostTable<T>>();
  /** by suffix with its dot: `.example.com` for `*.example.com` */
  readonly #wildcards = new Map<string, HostTable<T>>();
  /** lengths of the suffixes, longest first, each once */
  readonly #suffixLengths: number[] = [];
  #anyHost: HostTable<T> | null = null;
  readonly #search = new Search<T>();
  /** some route names HEAD, so HEAD is not just GET */
  #namesHead = false;

  /**
   * Adds the next weaker route (shared/config/precedence.ts has the order). About 4 us, 8 for a regex: a worker adds
   * parts between turns of its loop.
   *
   * @throws OperatorError on a host, path or regex that can never match; the config check says the same earlier
   */
  add(route: RoutePlan, value: T): void {
    if (route.methods?.includes('HEAD')) this.#namesHead = true;
    const candidate: Candidate<T> = {
      rank: this.size++,
      group: route.tier,
      regex: route.pathKind === 'regex' ? compilePathRegex(route.path) : null,
      methods: route.methods,
      headers: route.headers,
      query: route.query,
      value,
    };
    if (route.hosts.length === 0) {
      this.#anyHost ??= new HostTable();
      addToTable(this.#anyHost, route, candidate);
    }
    for (const host of route.hosts) addToTable(this.#tableFor(host, route.id), route, candidate);
  }

  /**
   * @param host as readHost() gives it
   * @param path as readTarget() gives it
   * @param search as readTarget() gives it
   * @returns the value of the route that wins, null = none does: ask allowed() to tell 404 from 405
   */
  match(method: string, host: string, path: string, search: string, rawHeaders: readonly string[]): T | null {
    const question = this.#search;
    question.method = method;
    question.path = path;
    question.query = search;
    question.rawHeaders = rawHeaders;
    const table = this.#exactHosts.get(host);
    if (table !== undefined && this.#ask(table)) return this.#take();
    if (this.#suffixLengths.length > 0 && this.#askWildcards(host)) return this.#take();
    if (this.#anyHost !== null && this.#ask(this.#anyHost)) return this.#take();
    return null;
  }

  /**
   * For a request that match() gave null for.
   *
   * @returns the methods for `Allow`, sorted, where only the method kept routes from matching; null = no such route
   */
  allowed(host: string, path: string, search: string, rawHeaders: readonly string[]): string[] | null {
    const question = this.#search;
    question.method = '';
    question.path = path;
    question.query = search;
    question.rawHeaders = rawHeaders;
    const collected: Candidate<T>[] = [];
    question.collected = collected;
    const table = this.#exactHosts.get(host);
    if (table !== undefined) this.#ask(table);
    this.#askWildcards(host);
    if (this.#anyHost !== null) this.#ask(this.#anyHost);
    question.collected = null;
    const methods = new Set<string>();
    for (const candidate of collected) for (const method of candidate.methods ?? []) methods.add(method);
    if (methods.has('GET')) methods.add('HEAD');
    return methods.size === 0 ? null : [...methods].sort();
  }

  #take(): T {
    const best = this.#search.best as Candidate<T>;
    this.#search.best = null;
    return best.value;
  }

  #askWildcards(host: string): boolean {
    const lengths = this.#suffixLengths;
    for (let index = 0; index < lengths.length; index++) {
      const start = host.length - (lengths[index] as number);
      // `*` is one label or more: something must stand before the dot
      if (start < 1 || host.charCodeAt(start) !== DOT_CODE) continue;
      const table = this.#wildcards.get(host.slice(start));
      if (table !== undefined && this.#ask(table)) return true;
    }
    return false;
  }

  #ask(table: HostTable<T>): boolean {
    const question = this.#search;
    this.#askOnce(table, false);
    const best = question.best;
    if (best === null) return false;
    if (this.#namesHead && question.method === 'HEAD' && best.methods !== null && !best.methods.includes('HEAD')) {
      // it would serve HEAD through GET: one of equal precedence that names HEAD is stronger
      this.#askOnce(table, true);
      const named = question.best as Candidate<T> | null;
      if (named === null || named.group !== best.group) question.best = best;
    }
    return true;
  }

  #askOnce(table: HostTable<T>, named: boolean): void {
    const question = this.#search;
    question.named = named;
    question.best = null;
    question.bestRank = Number.MAX_SAFE_INTEGER;
    const exact = table.exact.get(question.path);
    if (exact !== undefined) question.offer(exact);
    // `*` (OPTIONS) is no path: only an exact route could mean it, and none can be configured
    if (table.root !== null && table.root.rankMin < question.bestRank && question.path.charCodeAt(0) === SLASH_CODE) {
      walkTrie(table.root, question, 1);
    }
  }

  #tableFor(host: string, id: string): HostTable<T> {
    const wildcard = host.startsWith('*.');
    const name = readHost(wildcard ? host.slice(2) : host);
    if (name === null) throw new OperatorError(`Route "${id}": "${host}" is not a valid host name.`);
    const tables = wildcard ? this.#wildcards : this.#exactHosts;
    const key = wildcard ? `.${name}` : name;
    let table = tables.get(key);
    if (table !== undefined) return table;
    table = new HostTable();
    tables.set(key, table);
    if (wildcard && !this.#suffixLengths.includes(key.length)) {
      this.#suffixLengths.push(key.length);
      this.#suffixLengths.sort((a, b) => b - a);
    }
    return table;
  }
}

function addToTable<T>(table: HostTable<T>, route: RoutePlan, candidate: Candidate<T>): void {
  if (route.pathKind === 'exact') {
    const path = canonicalPath(route);
    const others = table.exact.get(path);
    if (others === undefined) table.exact.set(path, [candidate]);
    else others.push(candidate);
    return;
  }
  table.root ??= new TrieNode<T>(candidate.rank);
  if (route.pathKind === 'regex') {
    nodeFor(table.root, literalSegments(route.path).slice(0, -1), false, candidate.rank).addOpen(candidate);
  } else if (route.pathKind === 'prefix') {
    nodeFor(table.root, canonicalPath(route).replace(/\/$/, ''), false, candidate.rank).addOpen(candidate);
  } else {
    const path = canonicalPath(route);
    const greedy = path.endsWith('+}');
    const node = nodeFor(table.root, greedy ? path.slice(0, path.lastIndexOf('/')) : path, true, candidate.rank);
    if (greedy) node.addGreedy(candidate);
    else node.addLeaf(candidate);
  }
}

/** @param path `''` = the root itself; `/a/b` = two segments; `/a/` = `a` and an empty one */
function nodeFor<T>(root: TrieNode<T>, path: string, template: boolean, rank: number): TrieNode<T> {
  let node = root;
  for (const segment of path.split('/').slice(1)) {
    const parameter = template && segment.startsWith('{') && segment.endsWith('}');
    node = parameter ? node.parameter(rank) : node.literal(segment, rank);
  }
  return node;
}

/** A config may write `/caf%c3%a9` or `/%61`; requests are compared in one spelling. */
function canonicalPath(route: RoutePlan): string {
  if (readTarget(route.path, target) !== null || target.search !== '' || target.authority !== null) {
    const fault = targetFault(route.path) ?? 'it is not a plain path';
    throw new OperatorError(`Route "${route.id}": path "${route.path}" can never match: ${fault}.`);
  }
  return target.path;
}
