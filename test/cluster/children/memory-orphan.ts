// A worker in small that goes on when its primary is gone: holds a slot and counts on.
import { Segment } from '../../../src/shared/memory/segment.ts';
import { processStartTicks } from '../../../src/shared/memory/slots.ts';

const { path, item } = JSON.parse(process.argv[2]!) as { path: string; item: number };
const segment = Segment.attach(path);
segment.slots.claim(1, process.pid, processStartTicks(process.pid), 'worker');
segment.slots.setState(1, 'ready');
segment.ledger(1).raise(item);
const cell = segment.series(1).counter('worker_deaths_total', []);
setInterval(() => {
  segment.f64[cell]! += 1;
}, 5);
process.on('disconnect', () => {}); // its primary may go
process.send!('ready');
setTimeout(() => process.exit(1), 60_000); // the test kills it long before
