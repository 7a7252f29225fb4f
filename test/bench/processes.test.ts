// The processes of a bench: counted, and none of them left behind.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProcessTree } from '../../bench/load/processes.ts';
import { until } from '../helpers/deadline.ts';

test('a contender and what it forked are counted and ended, willing or not', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-bench-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  // both ignore SIGTERM; the inner one burns CPU
  const script = "trap '' TERM; sh -c \"trap '' TERM; while :; do :; done\" & while :; do wait; done";
  const tree = new ProcessTree('stubborn', 'sh', ['-c', script], join(directory, 'log'));
  t.after(() => tree.stop(0));
  await until(5000, 'two processes', () => tree.members().length === 2);
  await until(5000, 'CPU time of the inner one', () => tree.cpuUs() > 30_000);
  assert.ok(tree.rssBytes() > 0);
  const pids = tree.members().map(({ pid }) => pid);
  await tree.stop(50);
  assert.equal(tree.running, false);
  await until(2000, 'their end', () => pids.every((pid) => !isAlive(pid)));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
