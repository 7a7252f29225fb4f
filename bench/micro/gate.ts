// Taking and giving back a slot of an upstream, with 1, 8 and 64 rows in use: what a request pays for a cap that is exact
// over the whole host. Run: node bench/micro/gate.ts
import { shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import { Gate } from '../../src/worker/upstream/gate.ts';
import { type Bench, measure, present } from './harness.ts';

function takeAndRelease(rows: number, cap: number, queueMax: number): Bench {
  const segment = Segment.inProcess({ ...shapeFor(1, 1, 1), rows });
  segment.ledger(rows - 1); // all rows are in use
  const item = segment.items.intern('upstream/a');
  const waitingItem = segment.items.intern('waiting/a');
  const eldestItem = segment.items.intern('eldest/a');
  const gate = new Gate(segment.ledger(0), { item, waitingItem, eldestItem }, cap, queueMax);
  const queue = queueMax === 0 ? 'no queue' : 'a queue';
  return {
    name: `tryTake + release, ${rows} rows, ${cap === 0 ? 'no cap' : 'a cap'}, ${queue}`,
    run(times) {
      for (let i = 0; i < times; i++) {
        if (!gate.tryTake()) throw new Error('refused');
        gate.release();
      }
    },
  };
}

/** The cap is reached: what a refusal costs. */
function refused(rows: number): Bench {
  const segment = Segment.inProcess({ ...shapeFor(1, 1, 1), rows });
  segment.ledger(rows - 1);
  const item = segment.items.intern('upstream/a');
  const gate = new Gate(segment.ledger(0), { item, waitingItem: item, eldestItem: item }, 1, 0);
  gate.tryTake();
  return {
    name: `tryTake refused, ${rows} rows`,
    run(times) {
      for (let i = 0; i < times; i++) if (gate.tryTake()) throw new Error('taken');
    },
  };
}

await present(import.meta.url, () =>
  [
    ...[1, 8, 64].flatMap((rows) => [takeAndRelease(rows, 512, 0), takeAndRelease(rows, 512, 100)]),
    takeAndRelease(64, 0, 0),
    refused(8),
  ].map(measure),
);
