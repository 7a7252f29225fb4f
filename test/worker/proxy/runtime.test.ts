import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrustedProxies } from '../../../src/worker/proxy/forwarded.ts';
import { type RouteRuntime, Runtime, Split } from '../../../src/worker/proxy/runtime.ts';
import { Router } from '../../../src/worker/route/router.ts';
import type { Endpoint } from '../../../src/worker/upstream/endpoint.ts';
import type { Upstream } from '../../../src/worker/upstream/upstream.ts';

function upstream(name: string): Upstream {
  return { name } as Upstream;
}

function runtime(): Runtime {
  return new Runtime({
    epoch: 1,
    limits: {
      maxHeaderBytes: 1,
      maxHeaders: 1,
      maxBodyBytes: 1,
      headerTimeoutMs: 1,
      idleTimeoutMs: 1,
      maxConnections: 1,
    },
    listeners: [],
    trusted: new TrustedProxies([]),
    router: new Router<RouteRuntime>(),
    upstreams: [],
  });
}

function endpoint(): { endpoint: Endpoint; closes: () => number } {
  let closes = 0;
  return { endpoint: { close: () => (closes += 1) } as unknown as Endpoint, closes: () => closes };
}

test('a split goes by weight, at the borders too', (t) => {
  const split = new Split([
    { upstream: upstream('none'), weight: 0 },
    { upstream: upstream('a'), weight: 3 },
    { upstream: upstream('b'), weight: 1 },
    { upstream: upstream('last'), weight: 0 },
  ]);
  for (const [random, name] of [
    [0, 'a'],
    [0.7499, 'a'],
    [0.75, 'b'],
    [0.999999, 'b'],
  ] as const) {
    const held = t.mock.method(Math, 'random', () => random);
    assert.equal(split.choose().name, name, String(random));
    held.mock.restore();
  }
});

test('a split of one needs no choice', () => {
  assert.equal(new Split([{ upstream: upstream('only'), weight: 0 }]).choose().name, 'only');
});

test('endpoints that leave are closed once the last exchange of their plan has ended, and once only', () => {
  const { endpoint: leaving, closes } = endpoint();
  const plan = runtime();
  plan.enter();
  plan.enter();
  plan.retire([leaving]);
  plan.leave();
  assert.equal(closes(), 0);
  plan.leave();
  assert.equal(closes(), 1);
  // an exchange that was about to begin
  plan.enter();
  plan.leave();
  assert.equal(closes(), 1);
});

test('endpoints that leave a plan at rest are closed at once, and a plan in force closes nothing', () => {
  const { endpoint: leaving, closes } = endpoint();
  const plan = runtime();
  plan.enter();
  plan.leave();
  assert.equal(closes(), 0);
  plan.retire([leaving]);
  assert.equal(closes(), 1);
});
