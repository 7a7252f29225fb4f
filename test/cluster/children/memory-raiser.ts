// Takes and gives back slots under a cap without pause, and keeps count in a shared word of how many are held by all.
import { Segment } from '../../../src/shared/memory/segment.ts';
import { awaitGate, INSIDE_ITEM, randomFrom } from '../memory-children.ts';

interface Arguments {
  path: string;
  row: number;
  times: number;
  item: number;
  cap: number;
  seed: number;
  parent: number;
}

const { path, row, times, item, cap, seed, parent } = JSON.parse(process.argv[2]!) as Arguments;
const segment = Segment.attach(path);
const { i32 } = segment;
const inside = segment.itemLine(INSIDE_ITEM);
const ledger = segment.ledger(row);
const random = randomFrom(seed);
let held = 0;
let most = 0;
let granted = 0;
process.send!('ready');
awaitGate(segment, parent);
for (let i = 0; i < times; i += 1) {
  if (held > 0 && random(2) === 0) {
    Atomics.sub(i32, inside, 1); // before the slot is given back: the word never counts one that is free already
    ledger.lower(item);
    held -= 1;
  } else if (ledger.tryRaise(item, cap)) {
    most = Math.max(most, Atomics.add(i32, inside, 1) + 1);
    held += 1;
    granted += 1;
  }
}
while (held > 0) {
  Atomics.sub(i32, inside, 1);
  ledger.lower(item);
  held -= 1;
}
process.send!({ most, granted, refused: times - granted });
