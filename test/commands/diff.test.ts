import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run } from '../../src/commands/diff.ts';

const OLD = `listeners: [{ address: 127.0.0.1:8080 }]
upstreams: { users: { endpoints: ['http://h:1'] } }
routes:
  - { id: a, path: /a, upstream: users, timeout: 2s }
  - { id: b, path: /b, upstream: users }
`;

async function diff(
  t: TestContext,
  texts: string[],
  more: string[] = [],
): Promise<{ code: number; out: string; err: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-diff-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = texts.map((text, at) => {
    const file = join(folder, `${at}.yaml`);
    writeFileSync(file, text);
    return file;
  });
  const said = { out: '', err: '' };
  const io = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
    env: {},
    colour: false,
  };
  return { code: await run([...files, ...more], io), ...said };
}

test('what a reload would change is told by name, with old and new values', async (t) => {
  const now = OLD.replace('timeout: 2s', 'timeout: 5s').replace('id: b', 'id: c').concat('workers: 3\n');
  const { code, out } = await diff(t, [OLD, now]);
  assert.equal(code, 0);
  assert.equal(
    out,
    `~ workers: auto → 3
~ route a
    timeout: 2s → 5s
- route b
+ route c
1 added, 1 removed, 2 changed.
`,
  );
});

test('equal configurations have no change, in words and in JSON', async (t) => {
  assert.equal((await diff(t, [OLD, `# moved\n${OLD}`])).out, 'No change.\n');
  assert.deepEqual(JSON.parse((await diff(t, [OLD, OLD], ['--json'])).out), { changed: false, changes: [] });
});

test('--json gives the list of changes', async (t) => {
  const { out } = await diff(t, [OLD, OLD.replace('2s', '3s')], ['--json']);
  assert.deepEqual(JSON.parse(out), {
    changed: true,
    changes: [
      {
        kind: 'route',
        name: 'a',
        change: 'changed',
        options: [{ option: 'timeout', from: '2s', to: '3s' }],
        effect: null,
      },
    ],
  });
});

test('a configuration with faults cannot be compared: they are printed, exit code 78', async (t) => {
  const { code, out, err } = await diff(t, [OLD, OLD.replace('2s', '2')]);
  assert.deepEqual([code, out], [78, '']);
  assert.match(err, /1\.yaml:4:50: error: routes\[0\]\.timeout must be a duration/);
});

test('one file, or three, is a wrong call', async (t) => {
  for (const texts of [[OLD], [OLD, OLD, OLD]]) {
    await assert.rejects(diff(t, texts), (error: Error & { exitCode?: number }) => error.exitCode === 2);
  }
});
