import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeats, type Pulse } from '../../src/primary/heartbeats.ts';

function watch(pulses: Pulse[]): { at(now: number): number[] } {
  let clock = 0;
  let found: number[] = [];
  const heartbeats = new Heartbeats({
    pulses: () => pulses,
    stale: (row) => found.push(row),
    now: () => clock,
  });
  return {
    at(now) {
      clock = now;
      found = [];
      heartbeats.look();
      return found;
    },
  };
}

test('a worker is stale once it was silent for more than five seconds', () => {
  const seen = watch([
    { row: 1, beatMs: 1000 },
    { row: 2, beatMs: 3000 },
  ]);
  for (let now = 1000; now <= 6000; now += 1000) assert.deepEqual(seen.at(now), []);
  assert.deepEqual(seen.at(7000), [1]);
});

test('a worker that never beat is not stale: its start has a deadline of its own', () => {
  const seen = watch([{ row: 1, beatMs: 0 }]);
  for (let now = 1000; now <= 20_000; now += 1000) assert.deepEqual(seen.at(now), []);
});

test('after a suspension of the primary nobody is judged for five seconds', () => {
  const pulse = { row: 1, beatMs: 1000 };
  const seen = watch([pulse]);
  assert.deepEqual(seen.at(1000), []);
  // the whole host stood still for a minute: the beat is as old as our own last look
  assert.deepEqual(seen.at(61_000), []);
  for (let now = 62_000; now < 66_000; now += 1000) assert.deepEqual(seen.at(now), []);
  // still silent although everybody runs again
  assert.deepEqual(seen.at(66_000), [1]);
  pulse.beatMs = 66_500;
  assert.deepEqual(seen.at(67_000), []);
});
