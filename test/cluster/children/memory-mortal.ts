// Works on the segment without pause until it is killed: slots, counters, new series. What it has surely counted it
// notes in a word of its own, so that the test can tell what must still be there. Stops while the gate is shut, and says
// what it holds then.
import { setImmediate as turn } from 'node:timers/promises';
import { Segment } from '../../../src/shared/memory/segment.ts';
import { processStartTicks } from '../../../src/shared/memory/slots.ts';
import { GATE_ITEM, PROGRESS_ITEM, randomFrom } from '../memory-children.ts';

interface Arguments {
  path: string;
  row: number;
  items: number[];
  cap: number;
  seed: number;
  parent: number;
}

const { path, row, items, cap, seed, parent } = JSON.parse(process.argv[2]!) as Arguments;
const segment = Segment.attach(path);
segment.slots.claim(row, process.pid, processStartTicks(process.pid), 'worker');
segment.slots.setState(row, 'ready');
const { i32, f64 } = segment;
const gate = segment.itemLine(GATE_ITEM);
const progress = segment.itemLine(PROGRESS_ITEM + row);
const ledger = segment.ledger(row);
const writer = segment.series(row);
const random = randomFrom(seed);
process.send!('ready');
// until it is killed, or the test is gone
while (process.ppid === parent) {
  if (Atomics.load(i32, gate) === 0) {
    process.send!(items.map((item) => ledger.own(item)));
    while (Atomics.load(i32, gate) === 0 && process.ppid === parent) await turn();
  }
  for (let i = 0; i < 200; i += 1) {
    const item = items[random(items.length)]!;
    if (ledger.own(item) > 0 && random(2) === 0) ledger.lower(item);
    else ledger.tryRaise(item, cap);
    // `seed` makes most labels new in each life, so that there is always a series being added
    const label = random(4) === 0 ? `seed-${seed}-${random(400)}` : `route-${random(50)}`;
    f64[writer.counter('http_request_failures_total', [label, 'rate_limited'])]! += 1;
    Atomics.add(i32, progress, 1);
  }
}
process.exit(1);
