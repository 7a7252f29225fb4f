import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HEADER,
  HEADER_BYTES,
  LAYOUT_VERSION,
  LINE_BYTES,
  layoutHash,
  layoutOf,
  SLOT,
  SLOT_F64,
  SLOT_WORDS,
  shapeFault,
  shapeFor,
} from '../../../src/shared/memory/layout.ts';

/** Every version that ever was, with the hash of what it declared. A new layout adds a line, and never changes one. */
const HASHES: Record<number, number> = { 1: -784_996_965 };

test('a field that moves without a new layout version is noticed', () => {
  assert.equal(
    layoutHash(),
    HASHES[LAYOUT_VERSION],
    'the layout changed: raise LAYOUT_VERSION and add its hash to this table',
  );
});

test('every region starts on a cache line and none overlaps the next', () => {
  for (const workers of [1, 2, 7, 64]) {
    const shape = shapeFor(workers, 10, 10);
    assert.equal(shapeFault(shape), null);
    const at = layoutOf(shape);
    const starts = [at.slots, at.ledger, at.identities, at.itemLines, at.buckets, at.arena, at.cells, at.bytes];
    for (const start of starts) assert.equal(start % LINE_BYTES, 0);
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
    );
    assert.equal((shape.cells * 8) % LINE_BYTES, 0, 'the rows of two processes never share a line');
    assert.ok(at.ledgerStride >= shape.rows);
  }
});

test('what different processes write in the header lies on different lines', () => {
  const line = (word: number) => Math.floor((word * 4) / LINE_BYTES);
  assert.ok(Object.values(HEADER).every((word) => word * 4 < HEADER_BYTES));
  assert.equal(new Set(Object.values(HEADER)).size, Object.keys(HEADER).length);
  const lines = [HEADER.magic, HEADER.epoch, HEADER.arenaNext, HEADER.itemsHigh].map(line);
  assert.equal(new Set(lines).size, lines.length);
});

test('the words and the doubles of a slot do not overlap', () => {
  const words = [...Object.values(SLOT), ...Object.values(SLOT_F64).flatMap((double) => [double * 2, double * 2 + 1])];
  assert.equal(new Set(words).size, words.length);
  assert.ok(words.every((word) => word < SLOT_WORDS));
});

test('the cells of one item lie on one cache line up to seven workers', () => {
  assert.equal(layoutOf(shapeFor(6, 10, 10)).ledgerStride * 4, LINE_BYTES);
});

test("ordinary hosts fit into Docker's 64 MB of /dev/shm", () => {
  const mebibytes = (workers: number, routes: number, endpoints: number, upstreams: number) =>
    layoutOf(shapeFor(workers, routes, endpoints, upstreams)).bytes / 2 ** 20;
  assert.ok(mebibytes(2, 10, 20, 10) < 16);
  assert.ok(mebibytes(4, 1000, 1000, 1000) < 16);
  assert.ok(mebibytes(4, 10_000, 10_000, 1000) < 64);
});

test('a shape that no segment can have is named', () => {
  const shape = shapeFor(2, 10, 10);
  assert.match(shapeFault({ ...shape, rows: 0 })!, /0 rows/);
  assert.match(shapeFault({ ...shape, buckets: 1000 })!, /power of two/);
  assert.match(shapeFault({ ...shape, cells: 65_537 })!, /multiple of 8/);
  assert.match(shapeFault({ ...shape, items: -1 })!, /-1 items/);
  assert.match(shapeFault({ ...shape, arenaBytes: 100 })!, /arena of 100/);
  assert.match(shapeFault({ ...shape, rows: 4096, cells: 524_288 })!, /4 GiB/);
});
