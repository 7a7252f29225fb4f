import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Segment } from '../../../src/shared/memory/segment.ts';
import { DURATION_BUCKETS } from '../../../src/shared/metrics.ts';
import { Counters } from '../../../src/worker/observe/counters.ts';

function host(): Segment {
  return Segment.inProcess({ rows: 3, items: 16, cells: 8192, buckets: 1024, arenaBytes: 1 << 18 });
}

/** Values by `name{label,label}`. */
function readings(segment: Segment): Map<string, number[]> {
  return new Map(segment.readSeries().map(({ name, labels, values }) => [`${name}{${labels.join()}}`, values]));
}

test('a finished request counts by route, method and status, and its time in the bucket that holds it', () => {
  const segment = host();
  const route = new Counters(segment, 1).route('users');
  route.finished('GET', 200, 3);
  route.finished('GET', 200, 5);
  route.finished('POST', 503, 20_000);
  const seen = readings(segment);
  assert.deepEqual(seen.get('http_requests_total{users,GET,200}'), [2]);
  assert.deepEqual(seen.get('http_requests_total{users,POST,503}'), [1]);
  const histogram = seen.get('http_request_duration_seconds{users}')!;
  const expected = new Array(DURATION_BUCKETS.length + 2).fill(0);
  // a bound belongs to its bucket: 3 ms and 5 ms are both in the one that ends at 5 ms
  expected[DURATION_BUCKETS.indexOf(0.005)] = 2;
  expected[DURATION_BUCKETS.length] = 1;
  expected[DURATION_BUCKETS.length + 1] = histogram.at(-1);
  assert.deepEqual(histogram, expected);
  assert.ok(Math.abs(histogram.at(-1)! - 20.008) < 1e-9);
});

test('statuses and methods alternate without being mixed up', () => {
  const segment = host();
  const route = new Counters(segment, 1).route('r');
  for (let n = 0; n < 100; n++) {
    route.finished('GET', 200, 1);
    route.finished('HEAD', 200, 1);
    route.finished('GET', 404, 1);
  }
  const seen = readings(segment);
  for (const labels of ['r,GET,200', 'r,HEAD,200', 'r,GET,404'])
    assert.deepEqual(seen.get(`http_requests_total{${labels}}`), [100]);
});

test('methods that a client invents share one label', () => {
  const segment = host();
  const route = new Counters(segment, 1).route('r');
  for (const method of ['PROPFIND', 'PURGE', 'get', '']) route.finished(method, 200, 1);
  assert.deepEqual(readings(segment).get('http_requests_total{r,OTHER,200}'), [4]);
});

test('all workers count into the same series, and the counters of a label outlive its plan', () => {
  const segment = host();
  const one = new Counters(segment, 1);
  const two = new Counters(segment, 2);
  one.route('r').finished('GET', 200, 1);
  two.route('r').finished('GET', 200, 1);
  assert.equal(one.route('r'), one.route('r'));
  one.route('r').finished('GET', 200, 1);
  assert.deepEqual(readings(segment).get('http_requests_total{r,GET,200}'), [3]);
});

test('failures, retries and attempts have their own series', () => {
  const segment = host();
  const counters = new Counters(segment, 1);
  counters.route('r').failed('connection_refused');
  counters.route('r').failed('connection_refused');
  counters.route('r').failed('client_closed');
  counters.retried('u', 'connection_refused');
  counters.retried('u', 'connection_refused');
  counters.upstreamFinished(counters.upstreamDuration('u'), 30);
  const seen = readings(segment);
  assert.deepEqual(seen.get('http_request_failures_total{r,connection_refused}'), [2]);
  assert.deepEqual(seen.get('http_request_failures_total{r,client_closed}'), [1]);
  assert.deepEqual(seen.get('upstream_retries_total{u,connection_refused}'), [2]);
  assert.equal(seen.get('upstream_request_duration_seconds{u}')![DURATION_BUCKETS.indexOf(0.05)], 1);
});

test('when the segment is full, counting goes on under the overflow label', () => {
  const segment = Segment.inProcess({ rows: 2, items: 16, cells: 120, buckets: 16, arenaBytes: 4096 });
  const counters = new Counters(segment, 1);
  for (let n = 0; n < 100; n++) counters.route(`r${n}`).finished('GET', 200, 1);
  let counted = 0;
  for (const { name, values } of segment.readSeries()) if (name === 'http_requests_total') counted += values[0]!;
  assert.equal(counted, 100);
  assert.ok(readings(segment).get('http_requests_total{overflow,overflow,overflow}')![0]! > 0);
  assert.ok(readings(segment).get('series_overflow_total{}')![0]! > 0);
});
