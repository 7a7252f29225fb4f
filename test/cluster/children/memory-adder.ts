// Adds to a shared word and to a counter of its own row as fast as it can.
import { Segment } from '../../../src/shared/memory/segment.ts';
import { GATE_ITEM, INSIDE_ITEM } from '../memory-children.ts';

const { path, row, times } = JSON.parse(process.argv[2]!) as { path: string; row: number; times: number };
const segment = Segment.attach(path);
const { i32, f64 } = segment;
const gate = segment.itemLine(GATE_ITEM);
const word = segment.itemLine(INSIDE_ITEM);
const cell = segment.series(row).counter('worker_deaths_total', []);
process.send!('ready');
while (Atomics.load(i32, gate) === 0);
for (let i = 0; i < times; i += 1) {
  Atomics.add(i32, word, 1);
  f64[cell]! += 1;
}
process.send!('done');
