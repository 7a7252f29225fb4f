import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HISTOGRAM_CELLS, shapeFor } from '../../../src/shared/memory/layout.ts';
import { Segment } from '../../../src/shared/memory/segment.ts';
import type { SeriesReading } from '../../../src/shared/memory/series.ts';
import type { MetricName } from '../../../src/shared/metrics.ts';

const SHAPE = { ...shapeFor(2, 1, 1), items: 16, cells: 1024, buckets: 16, arenaBytes: 65_536 };

function values(segment: Segment, name: MetricName, labels: string[]): number[] | undefined {
  return segment.readSeries().find((reading) => reading.name === name && reading.labels.join('|') === labels.join('|'))
    ?.values;
}

/** All readings of one metric by their labels. */
function table(readings: SeriesReading[], name: MetricName): Record<string, number> {
  const rows = readings
    .filter((reading) => reading.name === name)
    .map(({ labels, values }) => [labels.join('|'), values[0]]);
  assert.equal(new Set(rows.map(([labels]) => labels)).size, rows.length, 'no series is read twice');
  return Object.fromEntries(rows);
}

test('a series is one over all rows and its cells are summed', () => {
  const segment = Segment.inProcess(SHAPE);
  const labels = ['users', 'GET', '200'];
  const first = segment.series(1).counter('http_requests_total', labels);
  const second = segment.series(2).counter('http_requests_total', labels);
  assert.equal(second - first, SHAPE.cells, 'the same cell of two rows');
  assert.equal(segment.series(1).counter('http_requests_total', [...labels]), first);
  segment.f64[first]! += 3;
  segment.f64[second]! += 4;
  assert.deepEqual(values(segment, 'http_requests_total', labels), [7]);
});

test('a histogram has a cell for each bound, one for the rest and one for the sum', () => {
  const segment = Segment.inProcess(SHAPE);
  const base = segment.series(1).histogram('http_request_duration_seconds', ['users']);
  const next = segment.series(1).histogram('http_request_duration_seconds', ['orders']);
  assert.ok(Math.abs(next - base) >= HISTOGRAM_CELLS);
  for (let i = 0; i < HISTOGRAM_CELLS; i += 1) segment.f64[base + i]! += i;
  assert.deepEqual(
    values(segment, 'http_request_duration_seconds', ['users']),
    Array.from({ length: HISTOGRAM_CELLS }, (_, index) => index),
  );
  assert.ok(values(segment, 'http_request_duration_seconds', ['orders'])!.every((value) => value === 0));
});

test('what was read before is found again with what came since', () => {
  const segment = Segment.inProcess(SHAPE);
  for (let i = 0; i < 40; i += 1) {
    segment.f64[segment.series(1).counter('http_requests_total', [`r${i}`, 'GET', '200'])]! += i + 1;
    assert.equal(Object.keys(table(segment.readSeries(), 'http_requests_total')).length, i + 1);
  }
  assert.deepEqual(values(segment, 'http_requests_total', ['r39', 'GET', '200']), [40]);
});

test('series without labels are there from the start, quiet overflow series are not shown', () => {
  const readings = Segment.inProcess(SHAPE).readSeries();
  assert.deepEqual(table(readings, 'worker_deaths_total'), { '': 0 });
  assert.deepEqual(table(readings, 'http_requests_total'), {});
});

test('what finds no room is counted under overflow, and that is counted too', () => {
  for (const tight of [
    { ...SHAPE, cells: 96 },
    { ...SHAPE, arenaBytes: 1024 },
  ]) {
    const segment = Segment.inProcess(tight);
    const writer = segment.series(1);
    for (let i = 0; i < 500; i += 1) segment.f64[writer.counter('http_requests_total', [`r${i}`, 'GET', '200'])]! += 1;
    const counts = table(segment.readSeries(), 'http_requests_total');
    const overflow = counts['overflow|overflow|overflow']!;
    assert.ok(overflow > 400 && overflow < 500, `${overflow} overflowed`);
    assert.equal(
      Object.values(counts).reduce((sum, count) => sum + count, 0),
      500,
    );
    assert.deepEqual(table(segment.readSeries(), 'series_overflow_total'), { '': overflow });
  }
});

test('a segment without room even for the overflow series loses counts and nothing else', () => {
  const segment = Segment.inProcess({ ...SHAPE, cells: 16 });
  const i = segment.series(1).counter('http_requests_total', ['a', 'b', 'c']);
  segment.f64[i]! += 1;
  segment.f64[segment.series(1).histogram('http_request_duration_seconds', ['a']) + HISTOGRAM_CELLS - 1]! += 1;
  assert.deepEqual(segment.readSeries(), []);
  assert.equal(segment.ledgerSum(0), 0);
});

test('labels beyond what a record holds go to overflow', () => {
  const segment = Segment.inProcess(SHAPE);
  segment.f64[segment.series(1).counter('http_requests_total', ['x'.repeat(2000), 'GET', '200'])]! += 1;
  assert.deepEqual(values(segment, 'http_requests_total', ['overflow', 'overflow', 'overflow']), [1]);
});

test('a NUL in a label cannot make two sets of labels one', () => {
  const segment = Segment.inProcess(SHAPE);
  const writer = segment.series(1);
  segment.f64[writer.counter('http_request_failures_total', ['a\0b', 'c'])]! += 1;
  segment.f64[writer.counter('http_request_failures_total', ['a', 'b\0c'])]! += 2;
  assert.deepEqual(table(segment.readSeries(), 'http_request_failures_total'), { 'a\ufffdb|c': 1, 'a|b\ufffdc': 2 });
});

test('a metric of another type or with other labels is refused', () => {
  const writer = Segment.inProcess(SHAPE).series(1);
  assert.throws(() => writer.counter('http_request_duration_seconds', ['a']), { name: 'InvariantError' });
  assert.throws(() => writer.histogram('http_requests_total', ['a', 'b', 'c']), { name: 'InvariantError' });
  assert.throws(() => writer.counter('http_requests_total', ['a']), { name: 'InvariantError', message: /of 1 labels/ });
  assert.throws(() => writer.counter('worker_up', ['1']), { name: 'InvariantError' });
});

test('any labels, counted from any rows in any order, agree with a plain map', () => {
  const label = fc.oneof(
    fc.constantFrom('', 'GET', 'é', 'overflow', '200'),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const count = fc.record({
    row: fc.integer({ min: 0, max: SHAPE.rows - 1 }),
    labels: fc.tuple(label, label).map(([a, b]) => [a.replaceAll('\0', ''), b.replaceAll('\0', '')]),
    by: fc.integer({ min: 1, max: 100 }),
  });
  fc.assert(
    fc.property(fc.array(count, { maxLength: 80 }), (counts) => {
      const segment = Segment.inProcess(SHAPE);
      const model: Record<string, number> = {};
      for (const { row, labels, by } of counts) {
        segment.f64[segment.series(row).counter('http_request_failures_total', labels)]! += by;
        const key = labels.join('|');
        model[key] = (model[key] ?? 0) + by;
      }
      assert.deepEqual(table(segment.readSeries(), 'http_request_failures_total'), model);
    }),
    { numRuns: 100 },
  );
});
