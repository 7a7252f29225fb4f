import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ItemDirectory } from '../../../src/shared/memory/items.ts';
import {
  ITEM_CONNECTIONS,
  ITEM_LINE_WORDS,
  ITEM_REQUESTS,
  layoutOf,
  shapeFor,
} from '../../../src/shared/memory/layout.ts';
import { Segment } from '../../../src/shared/memory/segment.ts';

const SHAPE = { ...shapeFor(2, 1, 1), items: 16, cells: 128, buckets: 16, arenaBytes: 4096 };

/** The directory as another process sees it. */
function onlooker(segment: Segment): ItemDirectory {
  return new ItemDirectory(segment.i32, layoutOf(segment.shape), segment.shape.items, segment.shape.rows);
}

test('a new segment knows the two items of the host', () => {
  const { items } = Segment.inProcess(SHAPE);
  assert.equal(items.find('host/requests'), ITEM_REQUESTS);
  assert.equal(items.find('host/connections'), ITEM_CONNECTIONS);
  assert.throws(() => items.retire(ITEM_REQUESTS), /host\/requests is part of every segment/);
});

test('an identity keeps its item, and another process finds it', () => {
  const segment = Segment.inProcess(SHAPE);
  const other = onlooker(segment);
  assert.equal(other.find('upstream/users'), -1);
  const item = segment.items.intern('upstream/users');
  assert.equal(segment.items.intern('upstream/users'), item);
  assert.equal(other.find('upstream/users'), item);
  assert.equal(other.identity(item), 'upstream/users');
  assert.throws(() => other.identity(15), { name: 'InvariantError', message: /item 15 has no identity/ });
});

test('an item is retired only when nobody holds anything of it', () => {
  const segment = Segment.inProcess(SHAPE);
  const other = onlooker(segment);
  const item = segment.items.intern('endpoint/users/10.0.0.1:80');
  segment.ledger(6).raise(item);
  assert.equal(segment.items.retire(item), false);
  assert.equal(other.find('endpoint/users/10.0.0.1:80'), item);
  segment.ledger(6).lower(item);
  assert.equal(segment.items.retire(item), true);
  assert.equal(other.find('endpoint/users/10.0.0.1:80'), -1);
});

test("the next owner of an item does not inherit the last one's lines", () => {
  const segment = Segment.inProcess(SHAPE);
  const item = segment.items.intern('endpoint/a/one:80');
  const line = segment.itemLine(item);
  segment.i32.fill(-1, line, line + ITEM_LINE_WORDS);
  segment.items.retire(item);
  assert.equal(segment.items.intern('endpoint/a/two:80'), item);
  assert.ok(segment.i32.subarray(line, line + ITEM_LINE_WORDS).every((word) => word === 0));
});

test('a full directory says so in words and stays as it was', () => {
  const { items } = Segment.inProcess(SHAPE);
  for (let i = 2; i < SHAPE.items; i += 1) items.intern(`upstream/${i}`);
  assert.throws(() => items.intern('upstream/more'), { name: 'OperatorError', message: /room for 16 .* Restart Weir/ });
  assert.equal(items.entries().length, SHAPE.items);
  assert.equal(items.retire(items.find('upstream/7')), true);
  assert.ok(items.intern('upstream/more') > 0);
});

test('a name is kept up to 248 bytes and refused in words beyond', () => {
  const segment = Segment.inProcess(SHAPE);
  const longest = 'ü'.repeat(124);
  const item = segment.items.intern(longest);
  const after = segment.items.intern('upstream/after');
  assert.equal(onlooker(segment).identity(item), longest);
  assert.equal(onlooker(segment).identity(after), 'upstream/after');
  assert.throws(() => segment.items.intern(`${longest}x`), {
    name: 'OperatorError',
    message: /249 bytes long.*1 to 248/,
  });
  assert.throws(() => segment.items.intern(''), { name: 'OperatorError' });
});

test('any history of names that come and go agrees with a plain map, in every process', () => {
  const name = fc.integer({ min: 0, max: 19 }).map((n) => `upstream/${n}`);
  const step = fc.record({ kind: fc.constantFrom('intern' as const, 'retire' as const, 'hold' as const), name });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const segment = Segment.inProcess(SHAPE);
      const other = onlooker(segment);
      const ledger = segment.ledger(3);
      const model = new Map([
        ['host/requests', ITEM_REQUESTS],
        ['host/connections', ITEM_CONNECTIONS],
      ]);
      const held = new Set<string>();
      for (const { kind, name } of steps) {
        const item = model.get(name);
        if (kind === 'intern' && item === undefined && model.size === SHAPE.items) {
          assert.throws(() => segment.items.intern(name), { name: 'OperatorError' });
        } else if (kind === 'intern') {
          const given = segment.items.intern(name);
          if (item !== undefined) assert.equal(given, item);
          else assert.ok(![...model.values()].includes(given), 'two names never share an item');
          model.set(name, given);
        } else if (kind === 'hold' && item !== undefined && !held.has(name)) {
          ledger.raise(item);
          held.add(name);
        } else if (kind === 'retire' && item !== undefined) {
          assert.equal(segment.items.retire(item), !held.has(name));
          if (held.delete(name)) ledger.lower(item);
          else model.delete(name);
        }
        assert.equal(other.find(name), model.get(name) ?? -1);
      }
      const sorted = (entries: Iterable<[string, number]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
      assert.deepEqual(sorted(segment.items.entries()), sorted(model));
      assert.deepEqual(sorted(onlooker(segment).entries()), sorted(model));
    }),
    { numRuns: 100 },
  );
});
