// Picking an endpoint among 1, 2 and 1,000, with 5 and 64 rows in use: the balancer alone and the whole of pick().
// Run: node bench/micro/balance.ts
import { shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import type { Balance, UpstreamPlan } from '../../src/shared/plan.ts';
import { createBalancer } from '../../src/worker/upstream/balance.ts';
import { Endpoint } from '../../src/worker/upstream/endpoint.ts';
import { Upstream } from '../../src/worker/upstream/upstream.ts';
import { type Bench, measure, present, sink } from './harness.ts';

function upstream(count: number, rows: number, balance: Balance): Upstream {
  const segment = Segment.inProcess({ ...shapeFor(1, 1, count), rows });
  segment.ledger(rows - 1);
  const ledger = segment.ledger(0);
  const plans = Array.from({ length: count }, (_, at) => {
    const authority = `10.0.${at >> 8}.${at & 255}:80`;
    const item = segment.items.intern(`endpoint/u/${authority}`);
    return { origin: `http://${authority}`, authority, tls: false, weight: 1, backup: false, item, poolKey: authority };
  });
  const plan: UpstreamPlan = {
    name: 'u',
    item: 2,
    waitingItem: 3,
    eldestItem: 4,
    endpoints: plans,
    balance,
    maxConcurrentRequests: 0,
    queueMax: 0,
    queueTimeoutMs: 0,
    connectTimeoutMs: 100,
    preserveHost: false,
    retryAttempts: 0,
    retryMethods: [],
  };
  return new Upstream(
    plan,
    plans.map((one) => new Endpoint(one, 100, ledger)),
    ledger,
    null,
    0,
  );
}

function choose(count: number, rows: number): Bench {
  const { endpoints } = upstream(count, rows, 'p2c');
  const balancer = createBalancer('p2c');
  return {
    name: `p2c choose, ${count} endpoints, ${rows} rows`,
    run(times) {
      for (let i = 0; i < times; i++) sink.value = balancer.choose(endpoints);
    },
  };
}

function pick(count: number, rows: number, balance: Balance): Bench {
  const picked = upstream(count, rows, balance);
  return {
    name: `Upstream.pick, ${balance}, ${count} endpoints, ${rows} rows`,
    run(times) {
      for (let i = 0; i < times; i++) sink.value = picked.pick(null);
    },
  };
}

await present(import.meta.url, () =>
  [
    ...[2, 1000].flatMap((count) => [choose(count, 5), choose(count, 64)]),
    ...[1, 2, 1000].map((count) => pick(count, 5, 'p2c')),
    ...[2, 1000].map((count) => pick(count, 5, 'round_robin')),
  ].map(measure),
);
