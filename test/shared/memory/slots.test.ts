import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { shapeFor } from '../../../src/shared/memory/layout.ts';
import { Segment } from '../../../src/shared/memory/segment.ts';
import { processStartTicks } from '../../../src/shared/memory/slots.ts';

const NOBODY = 2 ** 22 + 1; // above the largest pid that Linux gives

test('a claimed row carries its process and starts in the state starting', () => {
  const { slots } = Segment.inProcess(shapeFor(2, 1, 1));
  assert.equal(slots.state(1), 'free');
  assert.equal(slots.pid(1), 0);
  slots.claim(1, process.pid, processStartTicks(process.pid), 'worker');
  assert.equal(slots.state(1), 'starting');
  assert.equal(slots.pid(1), process.pid);
  assert.equal(slots.role(1), 'worker');
  assert.equal(slots.alive(1), true);
  assert.equal(slots.epochBuilt(1), 0);
  slots.setState(1, 'ready');
  slots.setEpochBuilt(1, 7);
  slots.beat(1, 1234.5, 2.25);
  assert.deepEqual(
    [slots.state(1), slots.epochBuilt(1), slots.heartbeatMs(1), slots.lagMs(1)],
    ['ready', 7, 1234.5, 2.25],
  );
  assert.equal(slots.state(2), 'free', 'the neighbour saw nothing of it');
  assert.equal(slots.heartbeatMs(2), 0);
});

test('a row of a living process cannot be claimed by another, one of a dead process can', () => {
  const { slots } = Segment.inProcess(shapeFor(2, 1, 1));
  slots.claim(1, process.pid, processStartTicks(process.pid), 'worker');
  assert.throws(() => slots.claim(1, NOBODY, 1, 'worker'), {
    name: 'InvariantError',
    message: /row 1 .* living process/,
  });
  slots.claim(2, NOBODY, 1, 'worker');
  assert.equal(slots.alive(2), false);
  slots.claim(2, process.pid, processStartTicks(process.pid), 'worker');
  assert.equal(slots.pid(2), process.pid);
});

test("a process that got a dead worker's pid is not taken for it", () => {
  const { slots } = Segment.inProcess(shapeFor(2, 1, 1));
  slots.claim(1, process.pid, processStartTicks(process.pid) - 1, 'worker');
  assert.equal(slots.alive(1), false);
});

test('the sweep frees the row', () => {
  const segment = Segment.inProcess(shapeFor(2, 1, 1));
  segment.slots.claim(1, NOBODY, 1, 'worker');
  segment.sweep(1);
  assert.equal(segment.slots.state(1), 'free');
  assert.equal(segment.slots.pid(1), 0);
});

test('a row outside the table is refused', () => {
  const segment = Segment.inProcess(shapeFor(2, 1, 1));
  assert.throws(() => segment.slots.state(segment.slots.count), /outside the 7 rows/);
});

test('a process name with blanks and parentheses does not shift the start time', (t) => {
  const name = readFileSync('/proc/self/comm', 'utf8').trim();
  const before = processStartTicks(process.pid);
  t.after(() => writeFileSync('/proc/self/comm', name));
  writeFileSync('/proc/self/comm', 'a) R 1 (b 2 3');
  assert.ok(before > 0);
  assert.equal(processStartTicks(process.pid), before);
});

test('a process that is gone has no start time', async () => {
  assert.equal(processStartTicks(NOBODY), 0);
  const child = spawn(process.execPath, ['-e', '']);
  const pid = child.pid!;
  assert.ok(processStartTicks(pid) > 0);
  await once(child, 'exit');
  assert.equal(processStartTicks(pid), 0);
});

test('a zombie is gone', () => {
  // a shell that forks and then becomes a program that never waits: its child stays a zombie
  const script = 'sleep 0 & echo $!; exec sleep 30';
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  return once(parent.stdout!, 'data').then(async ([chunk]) => {
    const pid = Number(String(chunk).trim());
    const deadline = Date.now() + 5000;
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) {
      assert.ok(Date.now() < deadline, 'the child never became a zombie');
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(processStartTicks(pid), 0);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });
});
