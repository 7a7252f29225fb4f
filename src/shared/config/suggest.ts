// Which keys and schemas a place in the configuration knows. Called while faults are put into words.
import type { Path } from './fault.ts';
import { configSchema } from './schema.ts';

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
