// What a control segment costs to make, to attach and to sweep, and what it holds of memory once all routes count.
// Run: node bench/micro/segment.ts
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layoutOf, shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import { type Figure, figure, present } from './harness.ts';

const SIZES = [
  [2, 10],
  [4, 1000],
  [4, 10_000],
  [64, 1000],
] as const;

/** CPU time of one call, the kernel's part included. */
function nsOf(operation: () => void): number {
  const from = process.cpuUsage();
  operation();
  const { user, system } = process.cpuUsage(from);
  return (user + system) * 1000;
}

/** Resident KiB by kind: what this process holds alone, and what it shares. */
function resident(): { own: number; shared: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const kib = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { own: kib('RssAnon'), shared: kib('RssShmem') + kib('RssFile') };
}

function life(path: string, workers: number, routes: number): Figure[] {
  const title = `${workers} workers, ${routes} routes:`;
  const shape = shapeFor(workers, routes, Math.min(routes, 1000));
  const create = nsOf(() => Segment.create(path, shape).close());
  const before = resident();
  let attached: Segment | null = null;
  const attach = nsOf(() => {
    attached = Segment.attach(path);
  });
  const segment = attached as Segment | null;
  if (segment === null) throw new Error('not attached');
  const series = segment.series(1);
  for (let i = 0; i < routes; i += 1) {
    series.counter('http_requests_total', [`route-${i}`, 'GET', '200']);
    segment.f64[series.histogram('http_request_duration_seconds', [`route-${i}`])]! += 1;
  }
  const after = resident();
  const held = `own ${after.own - before.own} KiB, shared ${after.shared - before.shared} KiB once all routes count`;
  const first = nsOf(() => segment.readSeries());
  const read = nsOf(() => segment.readSeries());
  const sweep = nsOf(() => segment.sweep(2));
  segment.close();
  return [
    figure(`${title} create + close`, create, `${(layoutOf(shape).bytes / 2 ** 20).toFixed(1)} MiB`),
    figure(`${title} attach`, attach, held),
    figure(`${title} first readSeries`, first),
    figure(`${title} readSeries`, read),
    figure(`${title} sweep of a row`, sweep),
  ];
}

await present(import.meta.url, () => {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weir-bench-'));
  try {
    const path = join(directory, 'segment');
    Segment.create(path, shapeFor(1, 1, 1)).close(); // loads the library
    return SIZES.flatMap(([workers, routes]) => life(path, workers, routes));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
