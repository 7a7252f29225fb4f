// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/commands/check.ts';

const SHIPPED = fileURLToPath(new URL('../../config/gateway.yaml', import.meta.url));

function fileOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-check-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, text);
  return file;
}

async function check(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const io = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
    env,
    colour: false,
  };
  return { code: await run(args, io), ...said };
}

test('the shipped configuration is good, without a warning', async () => {
  const { code, out, err } = await check([SHIPPED]);
  assert.deepEqual([code, out, err], [0, `${SHIPPED}: good (1 listener, 3 upstreams, 7 routes)\n`, '']);
});

test('every fault is printed with its place, then how many there are; exit code 78', async (t) => {
  const file = fileOf(
    t,
    'listeners: [{ address: 127.0.0.1:80 }]\nworker: 3\nroutes: [{ id: a b, path: /, upstream: u }]\n',
  );
  const { code, out } = await check([file]);
  assert.equal(code, 78);
  assert.deepEqual(
    out.split('\n').filter((line) => line.startsWith(file)),
    [
      `${file}:2:1: error: worker is not an option.`,
      `${file}:3:16: error: routes[0].id is not a route id: 1 to 100 letters, digits, or any of _ . : -.`,
      `${file}:3:40: error: routes[0].upstream names the upstream "u", which is not defined.`,
      `${file}: 3 errors`,
    ],
  );
  assert.match(out, /hint: Did you mean "workers"\?/);
});

test('warnings are printed and leave the exit code at 0', async (t) => {
  const file = fileOf(t, 'listeners: [{ address: 127.0.0.1:80 }]\n');
  const { code, out } = await check([file]);
  assert.equal(code, 0);
  assert.match(out, /:1:1: warning: routes has no entry/);
  assert.match(out, /good \(1 listener, 0 upstreams, 0 routes, 1 warning\)\n$/);
});

test('--json gives one object with every fault', async (t) => {
  const good = JSON.parse((await check([SHIPPED, '--json'])).out);
  assert.deepEqual([good.ok, good.routes, good.errors, good.warnings], [true, 7, [], []]);
  const { code, out } = await check(['--json', fileOf(t, 'listeners: []\n')]);
  const bad = JSON.parse(out);
  assert.deepEqual(
    [code, bad.ok, bad.errors[0].line, bad.errors[0].col, bad.errors[0].path],
    [78, false, 1, 1, 'listeners'],
  );
});

test('variables are taken from the environment that the command was given', async (t) => {
  const file = fileOf(
    t,
    'listeners: [{ address: "127.0.0.1:${PORT}" }]\nroutes: [{ id: r, path: /, policies: { respond: {} } }]\n',
  );
  assert.equal((await check([file], { PORT: '80' })).code, 0);
  assert.equal((await check([file], {})).code, 78);
});

test('a missing file is a fault, a missing or second argument a wrong call', async () => {
  const { code, out } = await check(['/nowhere/gateway.yaml']);
  assert.deepEqual(
    [code, out],
    [78, '/nowhere/gateway.yaml:1:1: error: The file does not exist.\n\n/nowhere/gateway.yaml: 1 error\n'],
  );
  for (const args of [[], ['a', 'b'], ['a', '--nope']]) {
    await assert.rejects(
      check(args),
      (error: Error & { exitCode?: number }) => error.exitCode === 2 && error.name === 'OperatorError',
    );
  }
});
