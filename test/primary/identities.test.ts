import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plannedItems, Retirement, resolveItems } from '../../src/primary/reload/identities.ts';
import { shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import type { PlanHead } from '../../src/shared/plan.ts';
import { emptyPlan } from './supervised.ts';

function headOf(upstreams: Record<string, string[]>): PlanHead {
  const { head } = emptyPlan(1);
  const filled = Object.entries(upstreams).map(([name, authorities]) => ({
    name,
    item: -1,
    waitingItem: -1,
    eldestItem: -1,
    endpoints: authorities.map((authority) => ({ authority, item: -1 })),
  }));
  return { ...head, upstreams: filled as unknown as PlanHead['upstreams'] };
}

test('the same identity has the same item in every plan, whatever its position', () => {
  const { items } = Segment.inProcess(shapeFor(1, 1, 8));
  const before = headOf({ a: ['h:1', 'h:2'], b: ['h:1'] });
  const after = headOf({ b: ['h:1'], c: [], a: ['h:2', 'h:1'] });
  resolveItems(before, items);
  resolveItems(after, items);
  assert.equal(after.upstreams[2]?.item, before.upstreams[0]?.item);
  assert.equal(after.upstreams[2]?.endpoints[1]?.item, before.upstreams[0]?.endpoints[0]?.item);
  assert.equal(after.upstreams[0]?.endpoints[0]?.item, before.upstreams[1]?.endpoints[0]?.item);
  assert.equal(plannedItems(before).size, 2 + 2 + 2 + 3, 'an endpoint of two upstreams has two items');
});

test('what no plan names is given back after a minute, but never while somebody holds it', () => {
  const segment = Segment.inProcess(shapeFor(1, 1, 8));
  let now = 0;
  const retirement = new Retirement(segment.items, () => now);
  const old = headOf({ gone: ['h:1'], kept: ['h:2'] });
  resolveItems(old, segment.items);
  const held = old.upstreams[0]?.item as number;
  segment.ledger(1).raise(held);
  const next = headOf({ kept: ['h:2'] });
  resolveItems(next, segment.items);

  assert.equal(retirement.sweep(next), 0);
  now = 59_000;
  assert.equal(retirement.sweep(next), 0, 'a request of the old plan may still come');
  now = 61_000;
  assert.equal(retirement.sweep(next), 3, 'waiting/gone, eldest/gone and its endpoint');
  assert.equal(segment.items.find('upstream/gone'), held);
  segment.ledger(1).lower(held);
  assert.equal(retirement.sweep(next), 1);
  assert.equal(segment.items.find('upstream/gone'), -1);
  assert.ok(segment.items.find('upstream/kept') > 0);
  assert.ok(segment.items.find('host/requests') === 0, 'what belongs to the host stays');
});

test('an upstream that comes back within the minute keeps its items', () => {
  const segment = Segment.inProcess(shapeFor(1, 1, 8));
  let now = 0;
  const retirement = new Retirement(segment.items, () => now);
  const plan = headOf({ a: ['h:1'] });
  resolveItems(plan, segment.items);
  retirement.sweep(headOf({}));
  now = 50_000;
  assert.equal(retirement.sweep(plan), 0);
  now = 100_000;
  assert.equal(retirement.sweep(headOf({})), 0, 'the minute begins anew');
});
