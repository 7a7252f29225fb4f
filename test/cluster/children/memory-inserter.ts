// Adds the same series as its siblings, each in another order, and counts each once.
import { Segment } from '../../../src/shared/memory/segment.ts';
import { awaitGate, randomFrom } from '../memory-children.ts';

const { path, row, series, seed, parent } = JSON.parse(process.argv[2]!) as Record<
  'row' | 'series' | 'seed' | 'parent',
  number
> & {
  path: string;
};
const segment = Segment.attach(path);
const writer = segment.series(row);
const random = randomFrom(seed);
// pairs swapped here and there: the processes meet at the same series again and again, never for long in step
const order = Array.from({ length: series }, (_, index) => index);
for (let i = 1; i < series; i += 1) {
  if (random(3) === 0) [order[i - 1], order[i]] = [order[i]!, order[i - 1]!];
}
process.send!('ready');
awaitGate(segment, parent);
for (const n of order) {
  segment.f64[writer.counter('http_requests_total', [`route-${n}`, 'GET', '200'])]! += 1;
  segment.f64[writer.histogram('http_request_duration_seconds', [`route-${n}`])]! += 1;
}
process.send!('done');
