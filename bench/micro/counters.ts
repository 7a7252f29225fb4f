// Counting a finished request: total and histogram. Run: node bench/micro/counters.ts
import { shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import { Counters } from '../../src/worker/observe/counters.ts';
import { type Bench, measure, present } from './harness.ts';

function finished(name: string, ask: (i: number) => [route: number, method: string, status: number]): Bench {
  const segment = Segment.inProcess(shapeFor(4, 1000, 10));
  const counters = new Counters(segment, 1);
  const routes = Array.from({ length: 1000 }, (_, at) => counters.route(`route-${at}`));
  const asked = Array.from({ length: 1024 }, (_, i) => ask(i));
  for (const [route, method, status] of asked) routes[route]!.finished(method, status, 1);
  return {
    name: `finished, ${name}`,
    run(times) {
      for (let i = 0; i < times; i++) {
        const [route, method, status] = asked[i & 1023]!;
        routes[route]!.finished(method, status, (i & 63) / 8);
      }
    },
  };
}

await present(import.meta.url, () =>
  [
    finished('one route, always alike', () => [5, 'GET', 200]),
    finished('one route, statuses in turn', (i) => [5, 'GET', i % 2 === 0 ? 200 : 404]),
    finished('1,000 routes in turn', (i) => [(i * 7919) % 1000, 'GET', 200]),
  ].map(measure),
);
