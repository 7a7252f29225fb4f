// "Did you mean": the nearest of the words that would have been right, and which keys a place in the schema knows.
// Called while faults are put into words.
import type { Path } from './fault.ts';
import { configSchema } from './schema.ts';

/** The nearest candidate within a third of its length (at least one edit), or null. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const allowed = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3));
    if (Math.abs(word.length - candidate.length) > allowed) continue;
    const distance = editDistance(word.toLowerCase().replaceAll('-', '_'), candidate.toLowerCase());
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  const near = nearest(word, candidates);
  return near === null ? null : `Did you mean "${near}"?`;
}

/** Damerau-Levenshtein, optimal string alignment: a swap of neighbours is one edit. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/** What of a zod schema is looked at here; the library's own types are unions of all kinds. */
export interface SchemaNode {
  def: {
    type: string;
    innerType?: SchemaNode;
    in?: SchemaNode;
    element?: SchemaNode;
    valueType?: SchemaNode;
    options?: SchemaNode[];
    shape?: Record<string, SchemaNode>;
  };
  meta?: () => Record<string, unknown> | undefined;
}

/** Every schema that the value at `path` may be checked by, wrappers (optional, default, transform) taken off. */
export function schemasAt(path: Path): SchemaNode[] {
  let nodes = unwrap(configSchema as unknown as SchemaNode);
  for (const step of path) {
    nodes = nodes.flatMap((node) => {
      const next = typeof step === 'number' ? node.def.element : (node.def.valueType ?? ownShape(node.def.shape, step));
      return next === undefined ? [] : unwrap(next);
    });
  }
  return nodes;
}

/** The keys that a block at `path` may have; empty where keys are free or no block is possible. */
export function keysAt(path: Path): string[] {
  return schemasAt(path).flatMap((node) => Object.keys(node.def.shape ?? {}));
}

function ownShape(shape: Record<string, SchemaNode> | undefined, key: string): SchemaNode | undefined {
  return shape !== undefined && Object.hasOwn(shape, key) ? shape[key] : undefined;
}

function unwrap(node: SchemaNode): SchemaNode[] {
  const { def } = node;
  if (def.type === 'union') return [node, ...(def.options ?? []).flatMap(unwrap)];
  const inner = def.innerType ?? def.in;
  return inner === undefined ? [node] : [node, ...unwrap(inner)];
}
