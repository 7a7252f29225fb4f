// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Loaded, loadConfigText } from '../../../src/shared/config/load.ts';
import { redact } from '../../../src/shared/config/redact.ts';
import { BASE, errors, good, ROUTE, told } from './loading.ts';

const respond = (body: string): string =>
  `${BASE}routes: [{ id: r, path: /, policies: { respond: { body: ${body} } } }]\n`;
const bodyOf = (loaded: Loaded & { ok: true }): string | undefined => loaded.config.routes[0]?.policies.respond?.body;

test('variables, defaults and the escape are put into values', () => {
  const env = { A: 'one', EMPTY: '' };
  const cases: [string, string][] = [
    ['"${A}"', 'one'],
    ['"<${A}-${A}>"', '<one-one>'],
    ['"${NONE:-two}"', 'two'],
    ['"${EMPTY:-two}"', 'two'],
    ['"x${EMPTY}"', 'x'],
    ['"${A:-two}"', 'one'],
    ['"${NONE:-}"', ''],
    ['"$${A} costs $5"', '${A} costs $5'],
  ];
  for (const [written, value] of cases) assert.equal(bodyOf(good(respond(written), env)), value, written);
});

test('what is put in is always one value, whatever it holds', () => {
  const evil = 'x"\n  injected: true # ${A} *alias';
  assert.equal(bodyOf(good(respond('"${EVIL}"'), { EVIL: evil })), evil);
});

test('numbers and choices may come from variables, and digits stay text where text is wanted', () => {
  const text = `${BASE}${ROUTE}workers: \${N}\nlimits: { max_headers: "\${H}", max_body_bytes: "\${B}" }\nadmin: { token: "\${T}" }\n`;
  const { config } = good(text, { N: '3', H: '50', B: '2048', T: '1234567890123456' });
  assert.deepEqual([config.workers, config.limits.max_headers, config.limits.max_body_bytes], [3, 50, 2048]);
  assert.equal(config.admin.token, '1234567890123456');
  assert.equal(good(`${BASE}${ROUTE}workers: \${N}\n`, { N: 'auto' }).config.workers, 'auto');
  const flags = `${BASE}routes: [{ id: r, path: /, upstream: users, allow_encoded_slashes: "\${F}" }]\n`;
  assert.equal(good(flags, { F: 'true' }).config.routes[0]?.allow_encoded_slashes, true);
});

test('an unset variable is a fault at its place in the value, told once', () => {
  assert.deepEqual(told(errors(`${BASE}${ROUTE}workers: \${N}\nadmin: { address: "127.0.0.1:\${PORT}" }\n`)), [
    '5:10 workers needs the environment variable N, which is not set.',
    '6:30 admin.address needs the environment variable PORT, which is not set.',
  ]);
});

test('substitutions that cannot be read are faults', () => {
  const messages = ['"${A"', '"${1A}"', '"${A:-${B}}"', '"${file:}"', '"${}"'].map(
    (written) => errors(respond(written), { A: 'a' })[0]?.message,
  );
  assert.deepEqual(messages, [
    'routes[0].policies.respond.body has a ${ without its }.',
    'routes[0].policies.respond.body has a substitution that cannot be read.',
    'routes[0].policies.respond.body has a substitution that cannot be read.',
    'routes[0].policies.respond.body names no file after file:.',
    'routes[0].policies.respond.body has a substitution that cannot be read.',
  ]);
});

test('names from the prototype of the environment are not set', () => {
  assert.match(errors(respond('"${constructor}"'))[0]?.message ?? '', /constructor, which is not set/);
});

test('a secret file is read without its last newline, relative to the configuration', (t) => {
  const folder = folderWith(t, { token: 'swordfish-swordfish\n' });
  for (const name of ['token', join(folder, 'token')]) {
    const loaded = loadConfigText(
      `${BASE}${ROUTE}admin: { token: "\${file:${name}}" }\n`,
      join(folder, 'gateway.yaml'),
      {},
    );
    assert.ok(loaded.ok);
    assert.equal(loaded.config.admin.token, 'swordfish-swordfish');
  }
});

test('a secret file that is missing, no file or too large is a fault', (t) => {
  const folder = folderWith(t, { large: 'x'.repeat(70_000) });
  const message = (name: string): string | undefined => {
    const loaded = loadConfigText(respond(`"\${file:${name}}"`), join(folder, 'gateway.yaml'), {});
    return loaded.ok ? '' : loaded.faults[0]?.message;
  };
  const path = 'routes[0].policies.respond.body';
  assert.equal(message('none'), `${path} needs the file none, which cannot be read (ENOENT).`);
  assert.equal(message('.'), `${path} needs the file ., which is not a regular file.`);
  assert.equal(message('large'), `${path} needs the file large, which is larger than 64 KiB.`);
});

test('the hash changes with the text and with what was put in', () => {
  const text = respond('"${A}"');
  const hash = (env: NodeJS.ProcessEnv): string => good(text, env).hash;
  assert.equal(hash({ A: '1' }), hash({ A: '1', B: '2' }));
  assert.notEqual(hash({ A: '1' }), hash({ A: '2' }));
  assert.notEqual(hash({ A: '1' }), good(`${text}#\n`, { A: '1' }).hash);
  assert.match(hash({ A: '1' }), /^[0-9a-f]{16}$/);
});

test('no secret is told by faults or by the redacted configuration', (t) => {
  const folder = folderWith(t, { secret: 'SWORDFISH{a}b' });
  const text = `listeners: [{ address: 127.0.0.1:8080 }]
admin: { token: SWORDFISH-SWORDFISH, adress: x }
upstreams:
  users: { endpoints: ['http://u:SWORDFISH@h:1'] }
  files: { endpoints: ['http://127.0.0.1:9001'], balance: "\${file:secret}" }
routes:
  - { id: a, path: "/\${file:secret}", upstream: "\${SWORDFISH_NAME}" }
  - { id: b, path: /b, upstream: files, policies: { headers: { request: { sett: 1, set: { authorization: "Bearer SWORDFISH" } } } } }
  - { id: c, path: /c, upstream: files, methods: ["\${SWORDFISH_NAME}"] }
`;
  const loaded = loadConfigText(text, join(folder, 'gateway.yaml'), { SWORDFISH_NAME: 'sword-fish' });
  assert.ok(!loaded.ok);
  assert.ok(loaded.faults.length >= 7, told(loaded.faults).join('\n'));
  const said = loaded.faults
    .map(({ message, hint, excerpt }) => [message, hint, excerpt].join('\n'))
    .join('\n')
    .replaceAll('${SWORDFISH_NAME}', '');
  assert.ok(!/SWORDFISH|sword-fish/i.test(said), said);
});

test('redact stars tokens, credentials in headers, passwords in URLs and what came from files', (t) => {
  const folder = folderWith(t, { body: 'from a file' });
  const text = `${BASE}admin: { token: swordfish-swordfish }
redis: { url: 'redis://me:swordfish@127.0.0.1' }
routes:
  - id: r
    path: /
    policies:
      respond: { body: "\${file:body}" }
      headers: { response: { set: { X-Api-Key: swordfish, X-Plain: "\${file:body}", x-open: seen } } }
`;
  const loaded = loadConfigText(text, join(folder, 'gateway.yaml'), {});
  assert.ok(loaded.ok);
  const shown = JSON.stringify(redact(loaded.config, loaded.secrets));
  assert.ok(!/swordfish|from a file/.test(shown), shown);
  assert.match(shown, /redis:\/\/me:\*\*\*@127\.0\.0\.1/);
  assert.match(shown, /"x-open":"seen"/);
  assert.equal(loaded.config.routes[0]?.policies.headers?.response?.set['x-plain'], 'from a file');
});

function folderWith(t: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}
