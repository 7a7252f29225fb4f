// Adds to a shared word and to a counter of its own row as fast as it can.
import { Segment } from '../../../src/shared/memory/segment.ts';
import { awaitGate, INSIDE_ITEM } from '../memory-children.ts';

const { path, row, times, parent } = JSON.parse(process.argv[2]!) as Record<'row' | 'times' | 'parent', number> & {
  path: string;
};
const segment = Segment.attach(path);
const { i32, f64 } = segment;
const word = segment.itemLine(INSIDE_ITEM);
const cell = segment.series(row).counter('worker_deaths_total', []);
process.send!('ready');
awaitGate(segment, parent);
for (let i = 0; i < times; i += 1) {
  Atomics.add(i32, word, 1);
  f64[cell]! += 1;
}
process.send!('done');
