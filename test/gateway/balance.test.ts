// Where requests go when there is a choice: between upstreams by weight, between endpoints by the balancer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openClient } from '../helpers/client.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { delayed, type Origin, reply, startOrigin } from '../helpers/origin.ts';
import { atRest } from './rest.ts';

let origins: Origin[];
let gateway: Gateway;

before(async () => {
  origins = await Promise.all([0, 1, 2].map(() => startOrigin(reply(200, 'ok'))));
  const [a, b, c] = origins.map(({ url }) => url);
  gateway = await startGateway({
    workers: 2,
    config: `
listeners: [{ address: 127.0.0.1:0 }]
upstreams:
  a: { endpoints: ['${a}'] }
  b: { endpoints: ['${b}'] }
  c: { endpoints: ['${c}'] }
  turns: { endpoints: [{ url: '${a}', weight: 3 }, { url: '${b}', weight: 1 }, { url: '${c}', weight: 2 }], balance: round_robin }
  fewest: { endpoints: ['${a}', '${b}', '${c}'], balance: p2c }
  spare: { endpoints: ['${a}', { url: '${b}', backup: true }] }
routes:
  - { id: split, path_prefix: /split, split: [{ upstream: a, weight: 80 }, { upstream: b, weight: 20 }, { upstream: c, weight: 0 }] }
  - { id: turns, path_prefix: /turns, upstream: turns }
  - { id: fewest, path_prefix: /fewest, upstream: fewest }
  - { id: spare, path_prefix: /spare, upstream: spare }
`,
  });
});

after(async () => {
  await gateway?.stop();
  await Promise.all(origins.map((origin) => origin.close()));
});

/** Requests that each origin got for `count` of them over `connections` connections. */
async function spread(path: string, count: number, connections: number): Promise<number[]> {
  const before = origins.map(({ requests }) => requests.length);
  const client = openClient(connections);
  try {
    const answers = await Promise.all(
      Array.from({ length: count }, () => client.get(`${gateway.url}${path}`, { ms: 20_000 })),
    );
    for (const { status } of answers) assert.equal(status, 200);
  } finally {
    client.close();
  }
  return origins.map(({ requests }, at) => requests.length - before[at]!);
}

test('a split sends each upstream its share, and none to weight 0', async () => {
  const count = 1500;
  const [a, b, c] = (await spread('/split', count, 20)) as [number, number, number];
  assert.equal(a + b, count);
  assert.equal(c, 0);
  // five standard deviations
  assert.ok(Math.abs(b - 0.2 * count) < 5 * Math.sqrt(count * 0.2 * 0.8), `${a} to ${b}`);
});

test('round robin gives each endpoint its weight to the request, over both workers', async () => {
  const seen = await spread('/turns', 600, 20);
  for (const [at, fair] of [300, 100, 200].entries()) {
    // each of two workers may be two requests off
    assert.ok(Math.abs(seen[at]! - fair) <= 4, seen.join());
  }
});

test('with a choice of two, an endpoint that is slow gets less', async (t) => {
  t.after(() => origins[0]!.answer(reply(200, 'ok')));
  for (const origin of origins) origin.answer(delayed(5, reply(200, 'ok')));
  origins[0]!.answer(delayed(120, reply(200, 'ok')));
  const [slow, b, c] = (await spread('/fewest', 600, 24)) as [number, number, number];
  assert.ok(slow < 0.5 * Math.min(b, c), `${slow}, ${b}, ${c}`);
  for (const origin of origins) origin.answer(reply(200, 'ok'));
});

test('at rest, a choice of two is even', async () => {
  const seen = await spread('/fewest', 600, 1);
  for (const count of seen) assert.ok(Math.abs(count - 200) < 5 * Math.sqrt(600 * (1 / 3) * (2 / 3)), seen.join());
});

test('a backup is not asked while the other is well', async () => {
  assert.deepEqual(await spread('/spare', 50, 5), [50, 0, 0]);
});

test('a reload changes weights and backups, and keeps the connections', async () => {
  const config = (endpoints: string) => `
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { turns: { endpoints: [${endpoints}], balance: round_robin } }
routes: [{ id: turns, path_prefix: /, upstream: turns }]
`;
  const [a, b] = origins.map(({ url }) => url);
  await using reloaded = await startGateway({ config: config(`'${a}', '${b}'`) });
  const before = origins.map(({ requests }) => requests.length);
  const gained = () => origins.map(({ requests }, at) => requests.length - before[at]!);
  const client = openClient(1);
  for (let n = 0; n < 20; n++) await client.get(reloaded.url);
  assert.deepEqual(gained(), [10, 10, 0]);
  const connections = origins.map((origin) => origin.connections);
  assert.equal((await reloaded.reload(config(`{ url: '${a}', weight: 4 }, '${b}'`))).ok, true);
  for (let n = 0; n < 50; n++) await client.get(reloaded.url);
  const [heavy, light] = gained() as [number, number];
  assert.ok(Math.abs(heavy - 50) <= 2 && Math.abs(light - 20) <= 2, gained().join());
  assert.equal((await reloaded.reload(config(`{ url: '${a}', weight: 4, backup: true }, '${b}'`))).ok, true);
  for (let n = 0; n < 20; n++) await client.get(reloaded.url);
  assert.deepEqual(gained(), [heavy, light + 20, 0]);
  assert.deepEqual(
    origins.map((origin) => origin.connections),
    connections,
  );
  client.close();
});

test('afterwards nothing is held', async () => {
  await atRest(gateway);
});
