// What counting costs, and what a process pays for its heartbeat. Run: node bench/micro/series.ts
import { monotonicMs } from '../../src/shared/clock.ts';
import { shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import { type Bench, measure, present } from './harness.ts';

const segment = Segment.inProcess(shapeFor(4, 1000, 1000));
const { f64, i32, slots } = segment;
const series = segment.series(1);
const labels = ['users', 'GET', '200'];
const cell = series.counter('http_requests_total', labels);
/** fewer than there is room for in all rounds together: beyond it the overflow series would be measured */
const NEW_SERIES = 500;
let serial = 0;

const BENCHES: Bench[] = [
  {
    name: 'f64[i] += 1',
    run(times) {
      for (let i = 0; i < times; i++) f64[cell]! += 1;
    },
  },
  {
    name: 'Atomics.add, for comparison',
    run(times) {
      for (let i = 0; i < times; i++) Atomics.add(i32, 20, 1);
    },
  },
  {
    name: 'counter() of a known series',
    run(times) {
      for (let i = 0; i < times; i++) series.counter('http_requests_total', labels);
    },
  },
  {
    name: 'counter() of a new series',
    times: NEW_SERIES,
    run(times) {
      for (let i = 0; i < times; i++) {
        serial += 1;
        series.counter('http_request_failures_total', [`route-${serial}`, 'draining']);
      }
    },
  },
  {
    name: 'slots.beat',
    run(times) {
      for (let i = 0; i < times; i++) slots.beat(1, i, 0.5);
    },
  },
  {
    name: 'monotonicMs + slots.beat',
    run(times) {
      for (let i = 0; i < times; i++) slots.beat(1, monotonicMs(), 0.5);
    },
  },
  {
    name: 'readSeries, about 6,000 series',
    run(times) {
      for (let i = 0; i < times; i++) segment.readSeries();
    },
  },
];

await present(import.meta.url, () => BENCHES.map(measure));
