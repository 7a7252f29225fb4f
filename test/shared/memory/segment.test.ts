import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { HEADER, LAYOUT_VERSION, layoutOf, shapeFor } from '../../../src/shared/memory/layout.ts';
import { Segment, segmentPath } from '../../../src/shared/memory/segment.ts';

const SHAPE = { ...shapeFor(2, 1, 1), items: 32, cells: 512, buckets: 64, arenaBytes: 16_384 };

function scratch(t: TestContext): string {
  const directory = fs.mkdtempSync(join(tmpdir(), 'weir-segment-'));
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'segment');
}

/** A segment file whose header was spoiled in one word. */
function spoiled(t: TestContext, word: number, value: number): string {
  const path = scratch(t);
  const segment = Segment.create(path, SHAPE);
  segment.i32[word] = value;
  segment.close();
  return path;
}

test('who attaches sees all that the creator and the others wrote', (t) => {
  const path = scratch(t);
  const primary = Segment.create(path, SHAPE);
  const item = primary.items.intern('upstream/users');
  const worker = Segment.attach(path);
  assert.deepEqual(worker.shape, SHAPE);
  assert.equal(worker.path, path);
  assert.equal(worker.items.find('upstream/users'), item);
  worker.ledger(1).raise(item);
  worker.f64[worker.series(1).counter('worker_deaths_total', [])]! += 2;
  primary.publishEpoch(3);
  primary.setHostDraining(true);
  assert.equal(primary.ledgerSum(item), 1);
  assert.deepEqual(primary.readSeries().find(({ name }) => name === 'worker_deaths_total')?.values, [2]);
  assert.equal(worker.epoch(), 3);
  assert.equal(worker.hostDraining(), true);
  primary.setHostDraining(false);
  assert.equal(worker.hostDraining(), false);
  primary.close();
  worker.close();
});

test('the file has exactly the size of its layout, all of it reserved', (t) => {
  const path = scratch(t);
  const segment = Segment.create(path, SHAPE);
  const { size, blocks } = fs.statSync(path);
  assert.equal(size, layoutOf(SHAPE).bytes);
  assert.ok(blocks * 512 >= size, 'no hole that could fail to be filled later');
  segment.close();
});

test('the sweep takes back what a row held and leaves its counters and its neighbours', () => {
  const segment = Segment.inProcess(SHAPE);
  const item = segment.items.intern('upstream/users');
  for (const row of [1, 2]) {
    segment.ledger(row).raise(item);
    segment.ledger(row).raise(0);
    segment.f64[segment.series(row).counter('worker_deaths_total', [])]! += 1;
  }
  segment.sweep(1);
  assert.deepEqual([segment.ledgerOf(item, 1), segment.ledgerOf(0, 1)], [0, 0]);
  assert.deepEqual([segment.ledgerSum(item), segment.ledgerSum(0)], [1, 1]);
  assert.deepEqual(segment.readSeries().find(({ name }) => name === 'worker_deaths_total')?.values, [2]);
});

test('another layout version is refused with both numbers', (t) => {
  const path = spoiled(t, HEADER.version, 99);
  assert.throws(() => Segment.attach(path), {
    name: 'OperatorError',
    message: new RegExp(`layout version 99, and this Weir speaks version ${LAYOUT_VERSION}`),
  });
});

test('another layout hash under the same version is refused with both numbers', (t) => {
  const path = spoiled(t, HEADER.layoutHash, 0x1234);
  assert.throws(() => Segment.attach(path), {
    name: 'OperatorError',
    message: /layout hash 0x00001234, and this Weir has 0x[0-9a-f]{8}/,
  });
});

test('a foreign file is refused', (t) => {
  const path = spoiled(t, HEADER.magic, 0x464c457f);
  assert.throws(() => Segment.attach(path), {
    name: 'OperatorError',
    message: /begins with 0x464c457f instead of 0x52494557/,
  });
});

test('a file that is cut short or too long is refused with both sizes', (t) => {
  const path = scratch(t);
  Segment.create(path, SHAPE).close();
  const { bytes } = layoutOf(SHAPE);
  for (const size of [bytes - 64, bytes + 64, 1024]) {
    fs.truncateSync(path, size);
    assert.throws(() => Segment.attach(path), {
      name: 'OperatorError',
      message: new RegExp(`has ${size} bytes, and its header describes ${bytes}`),
    });
  }
  for (const size of [1023, 10, 0]) {
    fs.truncateSync(path, size);
    assert.throws(() => Segment.attach(path), {
      name: 'OperatorError',
      message: new RegExp(`cut short: ${size} bytes`),
    });
  }
});

test('an unfinished or damaged segment is refused', (t) => {
  assert.throws(() => Segment.attach(spoiled(t, HEADER.ready, 0)), {
    name: 'OperatorError',
    message: /never finished/,
  });
  assert.throws(() => Segment.attach(spoiled(t, HEADER.rows, -5)), {
    name: 'OperatorError',
    message: /damaged.*-5 rows/,
  });
  assert.throws(() => Segment.attach(spoiled(t, HEADER.rows, 6)), { name: 'OperatorError', message: /describes/ });
  assert.throws(() => Segment.attach(spoiled(t, HEADER.lines, 6)), { name: 'OperatorError' });
});

test('one configuration has one path per user, by whatever name it is given', (t) => {
  const config = scratch(t);
  fs.writeFileSync(config, '');
  fs.symlinkSync(config, `${config}.link`);
  const path = segmentPath(config, { WEIR_RUNTIME_DIR: '/run/weir' });
  assert.match(path, new RegExp(`^/run/weir/weir-${process.geteuid!()}-[0-9a-f]{12}$`));
  assert.equal(segmentPath(`${config}.link`, { WEIR_RUNTIME_DIR: '/run/weir' }), path);
  assert.notEqual(basename(segmentPath('/proc/self/status', {})), basename(path));
  assert.equal(dirname(segmentPath(config, {})), fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
});
