// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../../src/commands/schema.ts';

async function schema(args: string[] = []): Promise<string> {
  let out = '';
  const write = (text: string) => (out += text);
  assert.equal(await run(args, { stdout: { write }, stderr: { write }, env: {}, colour: false }), 0);
  return out;
}

test('the schema is printed, and is the one that is committed', async () => {
  assert.equal(await schema(), readFileSync(new URL('../../config/gateway.schema.json', import.meta.url), 'utf8'));
});

test('it has descriptions, defaults, patterns for durations, and room for substitutions', async () => {
  const root = JSON.parse(await schema(['--json']));
  assert.equal(root.additionalProperties, false);
  const { timeout } = root.properties.routes.items.properties;
  assert.equal(timeout.default, '30s');
  assert.match(timeout.description, /whole exchange/);
  const duration = new RegExp(timeout.pattern);
  for (const text of ['2s', '1h30m', '${T}', '${T:-5}s']) assert.ok(duration.test(text), text);
  for (const text of ['', '2', '2 s', 'soon']) assert.ok(!duration.test(text), text);
  const { max_headers } = root.properties.limits.properties;
  assert.deepEqual([max_headers.type, max_headers.minimum, max_headers.maximum], [['integer', 'string'], 1, 10000]);
});

test('an argument is a wrong call', async () => {
  await assert.rejects(schema(['x']), (error: Error & { exitCode?: number }) => error.exitCode === 2);
});
