import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Segment } from '../../../src/shared/memory/segment.ts';
import type { Balance, EndpointPlan, UpstreamPlan } from '../../../src/shared/plan.ts';
import { createBalancer } from '../../../src/worker/upstream/balance.ts';
import { Endpoint } from '../../../src/worker/upstream/endpoint.ts';
import { Upstream } from '../../../src/worker/upstream/upstream.ts';

interface Host {
  segment: Segment;
  endpoints: Endpoint[];
}

/** Endpoints as worker 1 of two sees them, one per weight. */
function host(weights: number[], backups: boolean[] = []): Host {
  const segment = Segment.inProcess({ rows: 3, items: 64, cells: 256, buckets: 32, arenaBytes: 8192 });
  const endpoints = weights.map(
    (weight, at) => new Endpoint(plan(segment, at, weight, backups[at] ?? false), 100, segment.ledger(1)),
  );
  return { segment, endpoints };
}

function plan(segment: Segment, at: number, weight: number, backup: boolean): EndpointPlan {
  const authority = `10.0.0.${at}:80`;
  const item = segment.items.intern(`endpoint/u/${authority}`);
  return { origin: `http://${authority}`, authority, tls: false, weight, backup, item, poolKey: authority };
}

function upstream({ segment, endpoints }: Host, balance: Balance): Upstream {
  const upstreamPlan: UpstreamPlan = {
    name: 'u',
    item: 2,
    waitingItem: 3,
    eldestItem: 4,
    endpoints: endpoints.map((endpoint) => endpoint.plan),
    balance,
    maxConcurrentRequests: 0,
    queueMax: 0,
    queueTimeoutMs: 0,
    connectTimeoutMs: 100,
    preserveHost: false,
    retryAttempts: 0,
    retryMethods: [],
  };
  return new Upstream(upstreamPlan, endpoints, segment.ledger(1), null, 0);
}

function counts(endpoints: readonly Endpoint[], picks: number, pick: () => Endpoint): number[] {
  const chosen = new Map<Endpoint, number>();
  for (let n = 0; n < picks; n++) {
    const endpoint = pick();
    chosen.set(endpoint, (chosen.get(endpoint) ?? 0) + 1);
  }
  return endpoints.map((endpoint) => chosen.get(endpoint) ?? 0);
}

test('round robin gives every endpoint exactly its weight in every cycle', () => {
  const { endpoints } = host([5, 1, 2]);
  const balancer = createBalancer('round_robin');
  // the first cycle brings the credits, which begin at random, onto their track
  counts(endpoints, 8, () => balancer.choose(endpoints));
  for (let cycle = 0; cycle < 20; cycle++) {
    assert.deepEqual(
      counts(endpoints, 8, () => balancer.choose(endpoints)),
      [5, 1, 2],
    );
  }
});

test('whatever the weights, round robin is never more than two requests off in any run', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 6 }),
      fc.integer({ min: 1, max: 300 }),
      (weights, picks) => {
        const { endpoints } = host(weights);
        const balancer = createBalancer('round_robin');
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const seen = counts(endpoints, picks, () => balancer.choose(endpoints));
        for (const [at, count] of seen.entries()) {
          const fair = (picks * weights[at]!) / total;
          assert.ok(Math.abs(count - fair) <= 2, `${count} of ${picks} for weight ${weights[at]} of ${total}`);
        }
      },
    ),
  );
});

test('round robin does not send the heavy endpoint all of its share in a row', () => {
  const { endpoints } = host([5, 1, 1]);
  for (const endpoint of endpoints) endpoint.credit = 0;
  const balancer = createBalancer('round_robin');
  let run = 0;
  let longest = 0;
  for (let n = 0; n < 140; n++) {
    run = balancer.choose(endpoints) === endpoints[0] ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  // a a b a c a a | a a b …
  assert.equal(longest, 4);
});

test('the workers of a host do not all begin with the same endpoint', () => {
  const first = new Set<string>();
  for (let worker = 0; worker < 60; worker++) {
    const { endpoints } = host([1, 1, 1]);
    first.add(createBalancer('round_robin').choose(endpoints).plan.authority);
  }
  assert.equal(first.size, 3);
});

test('of two, the one with less in flight over the whole host is chosen, whoever has it in flight', () => {
  const { segment, endpoints } = host([1, 1]);
  const balancer = createBalancer('p2c');
  segment.ledger(2).raise(endpoints[0]!.plan.item);
  for (let n = 0; n < 50; n++) assert.equal(balancer.choose(endpoints), endpoints[1]);
  endpoints[1]!.begin();
  endpoints[1]!.begin();
  for (let n = 0; n < 50; n++) assert.equal(balancer.choose(endpoints), endpoints[0]);
  endpoints[1]!.end();
  endpoints[1]!.end();
  for (let n = 0; n < 50; n++) assert.equal(balancer.choose(endpoints), endpoints[1]);
});

test('load counts per weight: three in flight at weight three are less than two at weight one', () => {
  const { endpoints } = host([3, 1]);
  const balancer = createBalancer('p2c');
  for (let n = 0; n < 3; n++) endpoints[0]!.begin();
  endpoints[1]!.begin();
  endpoints[1]!.begin();
  for (let n = 0; n < 50; n++) assert.equal(balancer.choose(endpoints), endpoints[0]);
});

test('of many, the busiest is never chosen and all others are', () => {
  const { endpoints } = host([1, 1, 1, 1]);
  endpoints[2]!.begin();
  const seen = counts(endpoints, 400, () => createBalancer('p2c').choose(endpoints));
  assert.equal(seen[2], 0);
  for (const at of [0, 1, 3]) assert.ok(seen[at]! > 40, String(seen));
});

test('at rest, p2c spreads evenly between equals', () => {
  const { endpoints } = host([1, 1]);
  const balancer = createBalancer('p2c');
  const seen = counts(endpoints, 2000, () => balancer.choose(endpoints));
  // five standard deviations of a fair coin
  assert.ok(Math.abs(seen[0]! - 1000) < 5 * Math.sqrt(500), String(seen));
});

for (const balance of ['round_robin', 'p2c'] as const) {
  test(`${balance}: backups are asked only when nothing else is left, and nobody twice`, () => {
    const all = host([1, 1, 1, 1], [false, true, false, true]);
    const { endpoints } = all;
    const picker = upstream(all, balance);
    for (let n = 0; n < 30; n++) assert.equal(picker.pick(null)!.plan.backup, false);
    assert.equal(picker.pick([endpoints[0]!]), endpoints[2]);
    const tried = [endpoints[0]!, endpoints[2]!];
    const backup = picker.pick(tried)!;
    assert.equal(backup.plan.backup, true);
    tried.push(backup);
    const last = picker.pick(tried)!;
    assert.ok(!tried.includes(last));
    assert.equal(picker.pick([...tried, last]), null);
  });
}

test('an upstream of one endpoint gives it once', () => {
  const one = host([1]);
  const picker = upstream(one, 'p2c');
  assert.equal(picker.pick(null), one.endpoints[0]);
  assert.equal(picker.pick([one.endpoints[0]!]), null);
});

test('an endpoint of weight zero is never chosen', () => {
  const two = host([0, 1]);
  const picker = upstream(two, 'round_robin');
  for (let n = 0; n < 10; n++) assert.equal(picker.pick(null), two.endpoints[1]);
  assert.equal(upstream(host([0]), 'p2c').pick(null), null);
});
