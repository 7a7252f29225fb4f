import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as command from '../../src/commands/explain.ts';
import { OperatorError } from '../../src/shared/errors.ts';

const CONFIG = `
listeners: [{ address: 127.0.0.1:8080 }]
upstreams:
  users:
    endpoints: [http://10.0.1.45:8080, { url: http://10.0.1.46:8080, weight: 2, backup: true }]
    max_concurrent_requests: 512
    queue: { max: 10, timeout: 100ms }
  other: { endpoints: [http://10.0.1.47:8080] }
routes:
  - id: users
    hosts: [api.example.com, '*.example.com']
    path: /users/{id}
    methods: [GET, POST]
    upstream: users
    timeout: 2s
    policies: { headers: { request: { set: { authorization: Bearer hunter2, x-a: b } } } }
  - { id: canary, path: '/users/{id}', headers: { x-canary: '1' }, upstream: other }
  - { id: split, path_prefix: /files, split: [{ upstream: users, weight: 90 }, { upstream: other, weight: 10 }] }
  - { id: post, path: /only, methods: [POST], hosts: [b.com], upstream: other }
  - { id: projects, path_prefix: /projects, allow_encoded_slashes: true, upstream: other }
`;

const directory = mkdtempSync(join(tmpdir(), 'weir-explain-'));
const file = join(directory, 'gateway.yaml');
writeFileSync(file, CONFIG);
after(() => rmSync(directory, { recursive: true }));

async function explain(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    env: {},
    colour: false,
  };
  const code = await command.run(args.includes('--config') ? args : [...args, '--config', file], io);
  return { code, out, err };
}

async function explainJson(...args: string[]) {
  const { code, out } = await explain(...args, '--json');
  return { code, answer: JSON.parse(out) };
}

test('the winner is shown with everything in force', async () => {
  const { code, out } = await explain('GET', 'http://API.example.com:8080/x/../users/%34%32?x=%20');
  assert.equal(code, 0);
  for (const part of [
    'host      api.example.com',
    'path      /users/42',
    'query     ?x=%20',
    'route users',
    'timeout   2s',
    'at most 512 requests in flight over the host, 10 may wait 100ms',
    'http://10.0.1.46:8080, weight 2, backup',
    'body 10MiB',
    '"x-a":"b"',
  ]) {
    assert.ok(out.includes(part), `${part} in\n${out}`);
  }
});

test('each rival is listed with the rule by which it lost', async () => {
  const { out } = await explain('GET', 'http://api.example.com/users/42');
  assert.match(out, /canary +header +it wants header x-canary: 1, which is absent/);
  assert.match(out, /post +host +it is for b\.com/);
  assert.match(out, /split +path +its prefix \/files does not match/);
  const withCanary = await explain('GET', 'http://api.example.com/users/42', '-H', 'X-Canary: 1');
  assert.match(withCanary.out, /canary +weaker +api\.example\.com is closer to the host than any host/);
});

test('a route that is missing and a method that is missing are told apart', async () => {
  const missing = await explainJson('GET', '/nothing');
  assert.equal(missing.code, 1);
  assert.equal(missing.answer.reason, 'route_not_found');
  assert.equal(missing.answer.status, 404);
  assert.equal(missing.answer.route, null);
  const method = await explainJson('DELETE', '/only', '-H', 'Host: b.com');
  assert.equal(method.code, 1);
  assert.equal(method.answer.status, 405);
  assert.deepEqual(method.answer.allow, ['POST']);
});

test('what the server would refuse is refused with the reason', async () => {
  for (const [args, reason, why] of [
    [['GET', '/a/../../b'], 'bad_target', /leaves the root/],
    [['GET', '/a%00'], 'bad_target', /%00/],
    [['GET', 'http://a.com/', '-H', 'Host: b.com'], 'bad_host', /agree/],
    [['GET', '/files/a%2Fb'], 'bad_target', /allow_encoded_slashes/],
  ] as const) {
    const { code, answer } = await explainJson(...args);
    assert.equal(code, 1);
    assert.equal(answer.reason, reason);
    assert.equal(answer.status, 400);
    assert.match(answer.why, why);
  }
  assert.equal((await explainJson('GET', '/projects/a%2Fb')).code, 0);
});

test('the shares of a split and the plain facts are there for programs', async () => {
  const { code, answer } = await explainJson('GET', '/files/a?b', '-H', 'host: x.org');
  assert.equal(code, 0);
  assert.equal(answer.host, 'x.org');
  assert.equal(answer.path, '/files/a');
  assert.equal(answer.query, '?b');
  assert.equal(answer.route.id, 'split');
  assert.deepEqual(
    answer.route.upstreams.map((upstream: { name: string; weight: number }) => [upstream.name, upstream.weight]),
    [
      ['users', 90],
      ['other', 10],
    ],
  );
  assert.equal(answer.route.upstreams[0].max_concurrent_requests, 512);
  assert.equal(answer.limits.max_headers, 200);
  assert.deepEqual(answer.rivals.map((rival: { id: string }) => rival.id).sort(), [
    'canary',
    'post',
    'projects',
    'users',
  ]);
});

test('a secret is not printed', async () => {
  for (const args of [[], ['--json']]) {
    const { out } = await explain('GET', 'http://api.example.com/users/1', ...args);
    assert.ok(out.includes('authorization'));
    assert.ok(!out.includes('hunter2'), out);
  }
});

test('a value from a secret file decides, but is not printed', async () => {
  writeFileSync(join(directory, 'key'), 'hunter3');
  const config = join(directory, 'secret.yaml');
  const routes = `routes: [{ id: a, path: /a, headers: { x-key: '\${file:${join(directory, 'key')}}' }, upstream: u }]`;
  writeFileSync(
    config,
    `listeners: [{ address: 127.0.0.1:8080 }]\nupstreams: { u: { endpoints: [http://10.0.0.1:80] } }\n${routes}\n`,
  );
  const lost = await explain('GET', '/a', '--config', config);
  assert.equal(lost.code, 1);
  assert.match(lost.out, /x-key/);
  assert.ok(!lost.out.includes('hunter3'), lost.out);
  const won = await explain('GET', '/a', '-H', 'x-key: hunter3', '--config', config);
  assert.equal(won.code, 0);
  assert.ok(!won.out.includes('hunter3'), won.out);
});

test('many routes of other hosts and paths are counted instead of listed', async () => {
  const config = join(directory, 'many.yaml');
  const routes = Array.from({ length: 50 }, (_, index) => `  - { id: r${index}, path: /r/${index}, upstream: u }`);
  writeFileSync(
    config,
    `listeners: [{ address: 127.0.0.1:8080 }]\nupstreams: { u: { endpoints: [http://10.0.0.1:80] } }\nroutes:\n${routes.join('\n')}\n`,
  );
  const short = await explain('GET', '/r/7', '--config', config);
  assert.match(short.out, /49 more/);
  assert.doesNotMatch(short.out, /\/r\/8 /);
  const long = await explain('GET', '/r/7', '--all', '--config', config);
  assert.match(long.out, /its path \/r\/8 does not match/);
});

test('a wrong call is a usage error', async () => {
  for (const args of [
    [],
    ['GET'],
    ['GET', '/a', 'more'],
    ['GET', 'a'],
    ['G T', '/a'],
    ['GET', '/a', '-H', 'no colon'],
    ['GET', '/a', '--unknown'],
  ]) {
    await assert.rejects(
      explain(...args),
      (error) => error instanceof OperatorError && error.exitCode === 2,
      args.join(' '),
    );
  }
  const io = { stdout: { write: () => {} }, stderr: { write: () => {} }, env: {}, colour: false };
  await assert.rejects(
    command.run(['GET', '/a'], io),
    (error) => error instanceof OperatorError && error.exitCode === 2,
  );
});

test('a config with faults is exit code 78 and its faults', async () => {
  const config = join(directory, 'bad.yaml');
  writeFileSync(config, 'listeners: [{ address: 127.0.0.1:8080 }]\nupstream: {}\n');
  const { code, err } = await explain('GET', '/a', '--config', config);
  assert.equal(code, 78);
  assert.match(err, /bad\.yaml:2:1/);
  const missing = await explain('GET', '/a', '--config', join(directory, 'missing.yaml'));
  assert.equal(missing.code, 78);
});
