// What counting costs, and what a segment costs to make, to attach and to hold. Run: node bench/micro/series.ts
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs } from '../../src/shared/clock.ts';
import { layoutOf, shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';

/** CPU time, not the clock: the machine may be busy with others. Best of five. */
function nsPerCall(rounds: number, operation: (rounds: number) => void): string {
  operation(rounds / 10);
  const best = Array.from({ length: 5 }, () => {
    const { user } = process.cpuUsage();
    operation(rounds);
    return ((process.cpuUsage().user - user) * 1000) / rounds;
  });
  return `${Math.min(...best).toFixed(1)} ns`;
}

/** CPU time of one call, the kernel's part included. */
function ms(operation: () => void): string {
  const from = process.cpuUsage();
  operation();
  const { user, system } = process.cpuUsage(from);
  return `${((user + system) / 1000).toFixed(2)} ms`;
}

/** Resident bytes by kind: what this process holds alone, and what it shares. */
function resident(): { own: number; shared: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const kib = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { own: kib('RssAnon'), shared: kib('RssShmem') + kib('RssFile') };
}

const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weir-bench-'));
try {
  const path = join(directory, 'segment');
  const report = (what: string, figure: string) => console.log(`${what.padEnd(48)} ${figure}`);
  Segment.create(path, shapeFor(1, 1, 1)).close(); // loads the library
  for (const [workers, routes] of [
    [2, 10],
    [4, 1000],
    [4, 10_000],
    [64, 1000],
  ] as const) {
    const shape = shapeFor(workers, routes, Math.min(routes, 1000));
    const title = `${workers} workers, ${routes} routes`;
    report(`${title}: size`, `${(layoutOf(shape).bytes / 2 ** 20).toFixed(1)} MiB`);
    let created: Segment | undefined;
    report(
      `${title}: create`,
      ms(() => (created = Segment.create(path, shape))),
    );
    created?.close();
    const before = resident();
    let segment: Segment | undefined;
    report(
      `${title}: attach`,
      ms(() => (segment = Segment.attach(path))),
    );
    if (segment === undefined) continue;
    const series = segment.series(1);
    for (let i = 0; i < routes; i += 1) {
      series.counter('http_requests_total', [`route-${i}`, 'GET', '200']);
      segment.f64[series.histogram('http_request_duration_seconds', [`route-${i}`])]! += 1;
    }
    const after = resident();
    report(
      `${title}: memory once all routes count`,
      `own ${after.own - before.own} KiB, shared ${after.shared - before.shared} KiB`,
    );
    report(
      `${title}: first read`,
      ms(() => segment?.readSeries()),
    );
    report(
      `${title}: read`,
      ms(() => segment?.readSeries()),
    );
    segment.close();
  }

  const segment = Segment.create(path, shapeFor(4, 1000, 1000));
  const { f64, slots } = segment;
  const series = segment.series(1);
  const labels = ['users', 'GET', '200'];
  const cell = series.counter('http_requests_total', labels);
  report(
    'f64[i] += 1',
    nsPerCall(20_000_000, (n) => {
      for (let i = 0; i < n; i += 1) f64[cell]! += 1;
    }),
  );
  report(
    'Atomics.add, for comparison',
    nsPerCall(20_000_000, (n) => {
      for (let i = 0; i < n; i += 1) Atomics.add(segment.i32, 20, 1);
    }),
  );
  report(
    'counter() of a known series',
    nsPerCall(2_000_000, (n) => {
      for (let i = 0; i < n; i += 1) series.counter('http_requests_total', labels);
    }),
  );
  let serial = 0;
  report(
    'counter() of a new series',
    nsPerCall(8000, (n) => {
      for (let i = 0; i < n; i += 1)
        series.counter('http_request_failures_total', [`route-${(serial += 1)}`, 'draining']);
    }),
  );
  report(
    'slots.beat',
    nsPerCall(20_000_000, (n) => {
      for (let i = 0; i < n; i += 1) slots.beat(1, i, 0.5);
    }),
  );
  report(
    'monotonicMs + slots.beat',
    nsPerCall(2_000_000, (n) => {
      for (let i = 0; i < n; i += 1) slots.beat(1, monotonicMs(), 0.5);
    }),
  );
  const ledger = segment.ledger(1);
  segment.ledger(4); // four workers and the primary
  report(
    'tryRaise + lower, 5 rows in use',
    nsPerCall(5_000_000, (n) => {
      for (let i = 0; i < n; i += 1) if (ledger.tryRaise(4, 10)) ledger.lower(4);
    }),
  );
  report(
    'raise + lower',
    nsPerCall(5_000_000, (n) => {
      for (let i = 0; i < n; i += 1) {
        ledger.raise(4);
        ledger.lower(4);
      }
    }),
  );
  report(
    'sum, 5 rows in use',
    nsPerCall(5_000_000, (n) => {
      for (let i = 0; i < n; i += 1) ledger.sum(4);
    }),
  );
  for (let i = 0; i < 1000; i += 1) segment.items.intern(`upstream/${i}`);
  report(
    'sweep of a row over 1000 items',
    ms(() => segment.sweep(2)),
  );
  segment.close();
} finally {
  rmSync(directory, { recursive: true });
}
