import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generate } from '../../../scripts/generate.ts';
import { inputSchema, type JsonSchema } from '../../../src/shared/config/json-schema.ts';

test('the generated files are current', () => {
  for (const [path, text] of generate()) {
    const committed = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
    assert.ok(committed === text, `${path} is not what the source says: run npm run generate`);
  }
});

test('every option has a sentence, and every number its bounds', () => {
  const seen = walk(inputSchema(), '');
  assert.ok(seen > 80, String(seen));
});

function walk(schema: JsonSchema, path: string): number {
  let seen = 0;
  for (const [name, option] of Object.entries((schema['properties'] as Record<string, JsonSchema> | undefined) ?? {})) {
    seen += 1 + walk(option, `${path}.${name}`);
    assert.match(String(option['description']), /^.{4,}\.$/, `${path}.${name} needs a sentence`);
    if (option['type'] === 'integer' || option['type'] === 'number') {
      assert.equal(typeof option['minimum'], 'number', `${path}.${name}`);
      assert.ok(Number(option['maximum']) < Number.MAX_SAFE_INTEGER, `${path}.${name}`);
    }
  }
  for (const key of ['items', 'additionalProperties']) {
    if (typeof schema[key] === 'object' && schema[key] !== null) seen += walk(schema[key] as JsonSchema, `${path}[]`);
  }
  for (const option of (schema['anyOf'] as JsonSchema[] | undefined) ?? []) seen += walk(option, path);
  return seen;
}
