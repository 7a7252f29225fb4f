// The children of a trie node by path segment: a small open-addressed hash table that is asked with a range of the
// path instead of a substring, so that a lookup allocates nothing. Keys come from the config alone; a client can only
// probe, so there is no flooding of the table. Used by route-trie.ts.

const SIZE_MIN = 4;

/** Start value of a segment's hash; fold each char code with foldHash(). */
export const HASH_SEED = 0x811c9dc5 | 0;

/** FNV-1a, kept in 32 bits. */
export function foldHash(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193);
}

export class SegmentMap<V> {
  #keys: (string | null)[] = new Array<string | null>(SIZE_MIN).fill(null);
  #values: (V | null)[] = new Array<V | null>(SIZE_MIN).fill(null);
  #size = 0;

  /** @param hash of the codes of `path` from `start` up to `end`; that range holds no slash */
  get(path: string, start: number, end: number, hash: number): V | null {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let slot = spread(hash) & mask;
    for (;;) {
      const key = keys[slot] as string | null;
      if (key === null) return null;
      if (key.length === end - start && path.startsWith(key, start)) return this.#values[slot] as V;
      slot = (slot + 1) & mask;
    }
  }

  set(segment: string, value: V): void {
    if (this.#size * 2 >= this.#keys.length) this.#grow();
    this.#place(segment, value);
    this.#size++;
  }

  #place(segment: string, value: V): void {
    const mask = this.#keys.length - 1;
    let slot = spread(hashSegment(segment)) & mask;
    while (this.#keys[slot] !== null) slot = (slot + 1) & mask;
    this.#keys[slot] = segment;
    this.#values[slot] = value;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Array<string | null>(keys.length * 2).fill(null);
    this.#values = new Array<V | null>(keys.length * 2).fill(null);
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot] as string | null;
      if (key !== null) this.#place(key, values[slot] as V);
    }
  }
}

/** The hash that get() is asked with, for a segment on its own. */
export function hashSegment(segment: string): number {
  let hash = HASH_SEED;
  for (let at = 0; at < segment.length; at++) hash = foldHash(hash, segment.charCodeAt(at));
  return hash;
}

/** The low bits of FNV-1a alone are weak for names that differ in one digit. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}
