import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processStartTicks } from '../../src/shared/memory/slots.ts';
import { Supervised } from './supervised.ts';

test('a killed worker is swept before anybody hears of it, and replaced in the same row', async () => {
  await using supervised = new Supervised('ok');
  const { segment, supervisor } = supervised;
  supervisor.start(2);
  await supervised.when('ready', 2);
  assert.equal(segment.ledgerSum(0), 2);
  const [victim] = supervisor.workers();
  assert.ok(victim);
  process.kill(victim.pid, 'SIGKILL');
  const gone = await supervised.when('gone');
  assert.equal(gone.row, victim.row);
  assert.equal(segment.ledgerSum(0), 1, 'what the dead worker held is back');
  assert.equal(supervised.count('died'), 1);
  const successor = await supervised.when('ready', 3);
  assert.equal(successor.row, victim.row);
  assert.notEqual(segment.slots.pid(victim.row), victim.pid);
});

test('a worker that leaves with code 0 is replaced and counts as no death', async () => {
  await using supervised = new Supervised('ok');
  supervised.supervisor.start(1);
  await supervised.when('ready');
  // the stand-in exits with 0 when it is told to drain
  const { row } = supervised.supervisor.workers()[0] as { row: number };
  const { packMessage } = await import('../../src/primary/worker-host.ts');
  supervised.supervisor.send(row, packMessage({ type: 'drain', timeoutMs: 100 }));
  await supervised.when('ready', 2);
  assert.equal(supervised.count('died'), 0);
});

test('workers that die at birth are given up after five in a row, in a sentence', async () => {
  await using supervised = new Supervised('dies');
  supervised.supervisor.start(2);
  const { text } = await supervised.when('hopeless');
  assert.match(text, /^Workers died 5 times in a row before they were ready \(the last one by exit code 3\)/);
  assert.equal(supervised.count('ready'), 0);
});

test('a worker that does not become ready in time is killed and tried again', async () => {
  await using supervised = new Supervised('never-ready', { startDeadlineMs: 400 });
  supervised.supervisor.start(1);
  const [first] = supervised.pids();
  await supervised.when('died');
  assert.equal(processStartTicks(first as number), 0, 'the late one is gone');
  assert.equal(supervised.count('hopeless'), 0);
});

test('a worker whose loop stands still is killed and replaced, the other one is not touched', async () => {
  await using supervised = new Supervised('wedges', { staleMs: 300, lookIntervalMs: 50 });
  supervised.supervisor.start(2);
  await supervised.when('ready', 2);
  const other = supervised.supervisor.workers().find(({ row }) => row === 2);
  process.env['STAND_IN'] = 'ok';
  assert.equal((await supervised.when('died')).row, 1);
  await supervised.when('ready', 3);
  assert.deepEqual(supervised.supervisor.workers().find(({ row }) => row === 2)?.pid, other?.pid);
});

test('a drain ends all workers, and SIGKILL those that do not follow', async () => {
  await using supervised = new Supervised('never-drains');
  supervised.supervisor.start(2);
  await supervised.when('ready', 2);
  const pids = supervised.pids();
  await supervised.supervisor.drain(100);
  assert.deepEqual(supervised.supervisor.workers(), []);
  for (const pid of pids) assert.equal(processStartTicks(pid), 0);
  assert.equal(supervised.count('died'), 0, 'nobody died unasked');
});

test('seats that find no free row wait until one is freed', async () => {
  await using supervised = new Supervised('ok');
  const { segment, supervisor } = supervised;
  // all rows but one belong to somebody else, who lives: this very process
  const others = Array.from({ length: segment.shape.rows - 2 }, (_, index) => index + 2);
  for (const row of others) segment.slots.claim(row, process.pid, processStartTicks(process.pid), 'worker');
  supervisor.start(2);
  await supervised.when('ready');
  assert.equal(supervisor.workers().length, 1);
  segment.sweep(others[0] as number);
  supervisor.rowFreed();
  assert.equal((await supervised.when('ready', 2)).row, others[0]);
});
