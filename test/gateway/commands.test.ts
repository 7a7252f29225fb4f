import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { freePort } from '../helpers/ports.ts';
import { weir } from './weir.ts';

let gateway: Gateway;
let config: string;

before(async () => {
  config = `
admin: { address: 127.0.0.1:${await freePort()}, token: commands-token }
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { users: { endpoints: ['http://127.0.0.1:1'], max_concurrent_requests: 8 } }
routes: [{ id: users, path: /users, upstream: users }]
`;
  gateway = await startGateway({ config });
});

after(() => gateway[Symbol.asyncDispose]());

test('status shows workers and upstreams, found by the config', async () => {
  const { code, stdout } = await weir(['status', '--config', gateway.configPath]);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^weir \\S+ running, pid ${gateway.pid}, up [\\d.]+ s, epoch \\d+, `));
  assert.match(stdout, /^1 {7}\d+ {2}ready {2}/m);
  assert.match(stdout, /^users {5}0 {10}8 {4}0 {7}1$/m);
});

test('status --json is one object', async () => {
  const { stdout } = await weir(['status', '--admin', gateway.adminUrl, '--json']);
  const state = JSON.parse(stdout) as { pid: number; upstreams: { name: string }[] };
  assert.equal(state.pid, gateway.pid);
  assert.equal(state.upstreams[0]?.name, 'users');
});

test('reload says the new epoch, and with --wait what each worker took', async () => {
  const { epoch } = await gateway.state();
  const { code, stdout } = await weir(['reload', '--wait', '--config', gateway.configPath]);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^reloaded: epoch ${epoch + 1}, config [0-9a-f]{16}, [\\d.]+ ms\\nworker {2}pid`));
});

test('reload of a config with faults prints them and exits with 1; the way there is still found', async () => {
  writeFileSync(gateway.configPath, `${config}nonsense: 1\n`);
  const { epoch } = await gateway.state();
  const { code, stderr } = await weir(['reload', '--config', gateway.configPath]);
  assert.equal(code, 1);
  assert.match(stderr, /gateway\.yaml:6:1: error: nonsense/);
  assert.match(stderr, new RegExp(`^weir: not reloaded, epoch ${epoch} stays in force: `, 'm'));
  writeFileSync(gateway.configPath, config);
});

test('without the token a write is refused in words', async () => {
  const { code, stderr } = await weir(['reload', '--admin', gateway.adminUrl]);
  assert.equal(code, 1);
  assert.match(stderr, /^weir: http:\/\/127\.0\.0\.1:\d+ answers 401: Send the admin token/);
  const given = await weir(['reload', '--admin', gateway.adminUrl], { WEIR_TOKEN: 'commands-token' });
  assert.equal(given.code, 0);
});

test('where no gateway answers, a sentence says so', async () => {
  const { code, stderr } = await weir(['status', '--admin', `http://127.0.0.1:${await freePort()}`]);
  assert.equal(code, 1);
  assert.match(stderr, /^weir: No gateway answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)\. .*\n$/);
});

test('drain ends the gateway', async () => {
  const { code, stdout } = await weir(['drain', '--config', gateway.configPath]);
  assert.equal(code, 0);
  assert.equal(stdout, 'draining\n');
  assert.equal(await gateway.exit(), 0);
});
