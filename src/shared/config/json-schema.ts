// The JSON Schema of the configuration for editors: what zod makes of the schema's input side, plus room for
// substitutions, which may stand wherever a scalar may. Called by `weir schema` and scripts/generate.ts.
import * as z from 'zod';
import { configSchema } from './schema.ts';

export type JsonSchema = { [key: string]: unknown };

const SUBSTITUTION = '\\$\\{[^}]+\\}';

/** A fresh object each time. */
export function jsonSchema(): JsonSchema {
  const { $schema, ...rest } = inputSchema();
  allowSubstitution(rest);
  return { $schema, title: 'Weir gateway configuration', ...rest };
}

/** Without the room for substitutions: what docs are written from. */
export function inputSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
}

/** `type: integer` also takes a string with `${…}`; bounds in JSON Schema bind numbers only, patterns strings only. */
function allowSubstitution(schema: JsonSchema): void {
  for (const inner of childrenOf(schema)) allowSubstitution(inner);
  const values = schema['enum'] ?? (schema['const'] === undefined ? undefined : [schema['const']]);
  if (values !== undefined) {
    for (const key of ['enum', 'const', 'type']) delete schema[key];
    schema['anyOf'] = [{ enum: values }, { type: 'string', pattern: SUBSTITUTION }];
  } else if (schema['type'] === 'integer' || schema['type'] === 'number' || schema['type'] === 'boolean') {
    schema['type'] = [schema['type'], 'string'];
    schema['pattern'] = SUBSTITUTION;
  } else if (typeof schema['pattern'] === 'string') {
    schema['pattern'] = `(?:${schema['pattern']})|${SUBSTITUTION}`;
  }
}

/** Property names are keys, where nothing is substituted. */
function childrenOf(schema: JsonSchema): JsonSchema[] {
  const children: unknown[] = [
    ...Object.values((schema['properties'] as JsonSchema | undefined) ?? {}),
    ...((schema['anyOf'] as unknown[] | undefined) ?? []),
    schema['items'],
    schema['additionalProperties'],
  ];
  return children.filter((child): child is JsonSchema => typeof child === 'object' && child !== null);
}
