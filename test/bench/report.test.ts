// The instruments of the load bench: its arithmetic, and that it leaves no process behind.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Measured, Row } from '../../bench/load/measure.ts';
import { ProcessTree } from '../../bench/load/processes.ts';
import { median, ratio, section, verdicts } from '../../bench/load/report.ts';
import { SCENARIOS } from '../../bench/load/scenarios.ts';
import { troubles } from '../../bench/load/wrk.ts';
import { until } from '../helpers/deadline.ts';

function row(contender: string, costs: number[]): Row {
  const round = { requestsPerSecond: 1, p50Ms: 1, p99Ms: 1, rssMb: 1, processes: 1 };
  return { contender, version: '1', rounds: costs.map((cpuUsPerRequest) => ({ ...round, cpuUsPerRequest })) };
}

test('a ratio is the median of the ratios within each round', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  // the machine was twice as slow in the second round: both paid for it
  assert.equal(ratio(row('weir', [60, 120, 60]), row('nginx', [30, 60, 40])), 2);
  assert.ok(Number.isNaN(ratio(row('weir', []), row('nginx', [1]))));
});

test('a target is held, missed, or not judged', () => {
  const scenario = { ...SCENARIOS[0]!, targets: [{ over: 'nginx', ratioMax: 2.5 }] };
  const judge = (...rows: Row[]) => verdicts({ scenario, rows, missing: [], troubles: [] })[0]!;
  assert.equal(judge(row('weir', [50]), row('nginx', [20])).held, true);
  assert.equal(judge(row('weir', [51]), row('nginx', [20])).held, false);
  assert.match(judge(row('weir', [51])).text, /not judged/);
  assert.equal(judge(row('weir', [51])).held, false);
});

test('what is missing and what went wrong stand in the report', () => {
  const measured: Measured = {
    scenario: SCENARIOS[0]!,
    rows: [row('nginx', [20])],
    missing: ['haproxy: haproxy is not installed'],
    troubles: ['small-get, nginx, round 1: 3 timeouts'],
  };
  assert.match(section(measured), /left out: haproxy: haproxy is not installed/);
  assert.match(section(measured), /TROUBLE: small-get, nginx, round 1: 3 timeouts/);
});

test('errors of the load are told, and silence is one', () => {
  const fine = { requests: 9, durationUs: 1, bytes: 1, p50Us: 1, p99Us: 1, maxUs: 1 };
  const none = { connect: 0, read: 0, write: 0, timeout: 0, status: 0 };
  assert.equal(troubles({ ...fine, errors: none }), null);
  assert.match(troubles({ ...fine, errors: { ...none, status: 2 } }) ?? '', /2 answers of 400 or above/);
  assert.match(troubles({ ...fine, errors: { ...none, read: 1 } }) ?? '', /1 read/);
  assert.match(troubles({ ...fine, requests: 0, errors: none }) ?? '', /no request was answered/);
});

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
