// Templates, prefixes and regexes of one host, filed under the segments of their paths. Every node knows the smallest
// rank below it, so a walk leaves out whatever is weaker than what it already has. router.ts owns one trie per host.
//
//   /users/{id}, /users (prefix), /users/[0-9]+ (regex)        root ── 'users' ── {}
//                                                                       │ open    │ leaves
//                                                     /users, /users/[0-9]+       /users/{id}
import { headersMatch, methodMatches, queryMatches } from './conditions.ts';
import { foldHash, HASH_SEED, hashSegment, SegmentMap } from './segment-map.ts';

const SLASH_CODE = 0x2f;

/** A route as the router keeps it. */
export interface Candidate<T> {
  /** position in the order of precedence, 0 = strongest */
  readonly rank: number;
  /** routes of equal precedence share a number */
  readonly group: number;
  /** regex of the whole path where the place in the trie does not decide, else null */
  readonly regex: RegExp | null;
  readonly methods: readonly string[] | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly query: readonly (readonly [string, string])[];
  readonly value: T;
}

/** One question to the router; a single object is used again for every request. */
export class Search<T> {
  method = '';
  path = '';
  query = '';
  rawHeaders: readonly string[] = [];
  /** only routes that name the method itself: none for all methods, and no GET for HEAD */
  named = false;
  best: Candidate<T> | null = null;
  /** rank of `best`; what is not smaller need not be looked at */
  bestRank = Number.MAX_SAFE_INTEGER;
  /** where not null: nothing is decided, every candidate that matches but for its method is collected */
  collected: Candidate<T>[] | null = null;

  /** @param candidates strongest first, whose place in the trie matches the path */
  offer(candidates: readonly Candidate<T>[]): void {
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index] as Candidate<T>;
      if (candidate.rank >= this.bestRank) return;
      if (this.collected === null && !this.#takesMethod(candidate.methods)) continue;
      if (candidate.headers.length > 0 && !headersMatch(candidate.headers, this.rawHeaders)) continue;
      if (candidate.query.length > 0 && !queryMatches(candidate.query, this.query)) continue;
      if (candidate.regex !== null && !candidate.regex.test(this.path)) continue;
      if (this.collected !== null) {
        this.collected.push(candidate);
        continue;
      }
      this.best = candidate;
      this.bestRank = candidate.rank;
      return;
    }
  }

  #takesMethod(methods: readonly string[] | null): boolean {
    return this.named ? methods?.includes(this.method) === true : methodMatches(methods, this.method);
  }
}

/** Shared by every node without candidates of a kind: most have one list at most, and there are tens of thousands. */
const NONE: readonly never[] = [];

function appended<T>(list: readonly Candidate<T>[], candidate: Candidate<T>): readonly Candidate<T>[] {
  if (list === NONE) return [candidate];
  (list as Candidate<T>[]).push(candidate);
  return list;
}

export class TrieNode<T> {
  /** smallest rank in this node and below: routes are added strongest first, so that of the first one */
  readonly rankMin: number;
  literals: SegmentMap<TrieNode<T>> | null = null;
  /** child for `{name}`: any segment that is not empty */
  param: TrieNode<T> | null = null;
  /** templates that end here */
  leaves: readonly Candidate<T>[] = NONE;
  /** templates that end here with `{name+}`: they want at least one more character */
  greedy: readonly Candidate<T>[] = NONE;
  /** prefixes that end here and regexes that begin here: whatever follows in the path is theirs */
  open: readonly Candidate<T>[] = NONE;

  constructor(rankMin: number) {
    this.rankMin = rankMin;
  }

  /** The node for `segment`, made if it is missing. */
  literal(segment: string, rank: number): TrieNode<T> {
    this.literals ??= new SegmentMap();
    const found = this.literals.get(segment, 0, segment.length, hashSegment(segment));
    if (found !== null) return found;
    const made = new TrieNode<T>(rank);
    this.literals.set(segment, made);
    return made;
  }

  addLeaf(candidate: Candidate<T>): void {
    this.leaves = appended(this.leaves, candidate);
  }

  addGreedy(candidate: Candidate<T>): void {
    this.greedy = appended(this.greedy, candidate);
  }

  addOpen(candidate: Candidate<T>): void {
    this.open = appended(this.open, candidate);
  }

  parameter(rank: number): TrieNode<T> {
    this.param ??= new TrieNode<T>(rank);
    return this.param;
  }
}

/**
 * Offers to `search` what matches its path at and below `node`: the deepest first, since a longer literal prefix is
 * usually stronger and then prunes the rest.
 *
 * @param at index of the first char of the segment to look at; path.length + 1 = none is left
 */
export function walkTrie<T>(node: TrieNode<T>, search: Search<T>, at: number): void {
  const path = search.path;
  if (at > path.length) {
    if (node.leaves.length > 0) search.offer(node.leaves);
  } else if (node.literals !== null || node.param !== null) {
    let hash = HASH_SEED;
    let end = at;
    for (; end < path.length; end++) {
      const code = path.charCodeAt(end);
      if (code === SLASH_CODE) break;
      hash = foldHash(hash, code);
    }
    if (node.literals !== null) {
      const child = node.literals.get(path, at, end, hash);
      if (child !== null && child.rankMin < search.bestRank) walkTrie(child, search, end + 1);
    }
    if (node.param !== null && end > at && node.param.rankMin < search.bestRank) {
      walkTrie(node.param, search, end + 1);
    }
  }
  if (node.greedy.length > 0 && at < path.length) search.offer(node.greedy);
  if (node.open.length > 0) search.offer(node.open);
}
