// A primary in small: takes the lock, makes the segment, counts and holds something, starts a process that outlives it,
// and waits to be killed.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Segment } from '../../../src/shared/memory/segment.ts';
import { processStartTicks } from '../../../src/shared/memory/slots.ts';
import { SHAPE } from '../memory-children.ts';

const { path } = JSON.parse(process.argv[2]!) as { path: string };
const lock = Segment.lock(path);
if (lock === null) throw new Error('locked');
const segment = Segment.create(path, SHAPE);
segment.slots.claim(0, process.pid, processStartTicks(process.pid), 'primary');
segment.slots.setState(0, 'ready');
segment.publishEpoch(4);
const item = segment.items.intern('upstream/users');
segment.ledger(0).raise(item);
segment.f64[segment.series(0).counter('config_reload_total', ['success'])]! += 4;
const orphan = fork(fileURLToPath(new URL('./memory-orphan.ts', import.meta.url)), [JSON.stringify({ path, item })], {
  execArgv: ['--disable-warning=ExperimentalWarning'],
  stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
});
orphan.once('message', () => process.send!({ item, orphan: orphan.pid }));
setInterval(() => lock, 60_000);
