// The arithmetic of the load bench and what its reports say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparison, verdict } from '../../bench/load/compare.ts';
import { median, paired, spreadOf } from '../../bench/load/figures.ts';
import type { Latency, LatencyRow } from '../../bench/load/latency.ts';
import { isAsked, type Measured, type Row } from '../../bench/load/measure.ts';
import { plot } from '../../bench/load/plot.ts';
import { added, latencyTable, ratio, section, table, verdicts } from '../../bench/load/report.ts';
import { readings, SCENARIOS, type Scenario } from '../../bench/load/scenarios.ts';
import { troubles } from '../../bench/load/wrk.ts';

function row(contender: string, costs: number[]): Row {
  const round = { requestsPerSecond: 1, p50Ms: 1, p99Ms: 1, rssMb: 1, processes: 1 };
  return { contender, version: '1', rounds: costs.map((cpuUsPerRequest) => ({ ...round, cpuUsPerRequest })) };
}

function latencyRow(contender: string, p99Us: (number | null)[]): LatencyRow {
  const same = { requests: 9, p50Us: 1, p999Us: 9, maxUs: 9, failed: 0, failure: '', waited: 0, late: 0 };
  const own = { lateP50Us: 1, lateP99Us: 2, lateMaxUs: 3, cpuShare: 0.2 };
  return { contender, rounds: p99Us.map((us) => (us === null ? null : { ...same, ...own, p99Us: us })) };
}

function measured(rows: Row[], more: Partial<Measured> = {}): Measured {
  return { scenario: SCENARIOS[0]!, rows, latency: null, missing: [], troubles: [], ...more };
}

test('a ratio is the median of the ratios within each round', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  // the machine was twice as slow in the second round: both paid for it
  assert.equal(ratio(row('weir', [60, 120, 60]), row('nginx', [30, 60, 40])), 2);
  assert.ok(Number.isNaN(ratio(row('weir', []), row('nginx', [1]))));
});

test('a round that failed falls out of every figure, and no other slips into its place', () => {
  assert.deepEqual(spreadOf([3, Number.NaN, 1]), { median: 2, low: 1, high: 3, count: 2 });
  assert.equal(ratio(row('weir', [10, Number.NaN, 30]), row('nginx', [10, 20, 10])), 2);
  assert.deepEqual(
    paired([1, 2, 3], [1, 1], (a, b) => a - b),
    [0, 1],
  );
  assert.match(table(measured([row('weir', [Number.NaN])])), /\| weir +\| +- \|/);
});

test('a target is held, missed, or not judged', () => {
  const scenario = { ...SCENARIOS[0]!, targets: [{ of: 'weir', over: 'nginx', ratioMax: 2.5 }] };
  const judge = (...rows: Row[]) => verdicts(measured(rows, { scenario }))[0]!;
  assert.equal(judge(row('weir', [50]), row('nginx', [20])).held, true);
  assert.equal(judge(row('weir', [51]), row('nginx', [20])).held, false);
  assert.match(judge(row('weir', [51])).text, /not judged/);
  assert.equal(judge(row('weir', [51])).held, false);
});

test('what is added over direct is counted within each round, and judged against what another adds', () => {
  const rows = [latencyRow('direct', [1000, 5000, 1000]), latencyRow('nginx', [1500, 5500, null])];
  const latency: Latency = { rate: 100, halfOf: 'nginx', rows: [...rows, latencyRow('weir', [2000, 6000, 9000])] };
  assert.deepEqual(added(latency, 'nginx', 'p99Us'), { median: 0.5, low: 0.5, high: 0.5, count: 2 });
  assert.deepEqual(added(latency, 'weir', 'p99Us'), { median: 1, low: 1, high: 8, count: 3 });
  assert.equal(added(latency, 'haproxy', 'p99Us'), null);
  assert.match(latencyTable(latency), /^\| weir .*\| +1\.00 \(1\.00–8\.00\) \|/m);
  const judge = (moreMsMax: number) => {
    const scenario = { ...SCENARIOS[0]!, targets: [{ of: 'weir', over: 'nginx', moreMsMax }] };
    return verdicts(measured([], { scenario, latency }))[0]!;
  };
  assert.match(judge(0.5).text, /^held: adds 0\.50 ms more/);
  assert.match(judge(0.4).text, /^MISSED/);
});

test('a generator that was late says so', () => {
  const rows = [latencyRow('direct', [1]), latencyRow('weir', [2])];
  const late = rows.map((one) => ({ ...one, rounds: one.rounds.map((round) => ({ ...round!, lateP99Us: 700 })) }));
  const told = (of: LatencyRow[]) => section(measured([], { latency: { rate: 9, halfOf: null, rows: of } }));
  assert.match(told(late), /saw its requests 0\.70 ms late/);
  const scenario = { ...SCENARIOS[0]!, targets: [{ of: 'weir', over: 'weir', moreMsMax: 1 }] };
  const judge = (of: LatencyRow[]) =>
    verdicts(measured([], { scenario, latency: { rate: 9, halfOf: null, rows: of } }))[0]!;
  assert.match(judge(late).text, /^not judged, the generator was late/);
  assert.match(judge(rows).text, /^held/);
  assert.doesNotMatch(told(rows), /late at p99/);
});

test('what is missing and what went wrong stand in the report', () => {
  const told = section(
    measured([row('nginx', [20])], {
      missing: ['haproxy: haproxy is not installed'],
      troubles: ['small-get, nginx, round 1: 3 timeouts'],
    }),
  );
  assert.match(told, /left out: haproxy: haproxy is not installed/);
  assert.match(told, /TROUBLE: small-get, nginx, round 1: 3 timeouts/);
});

test('many routes are read twice: one of them, and a walk over all', () => {
  const scenario = SCENARIOS.find(({ name }) => name === 'routes-10000') as Scenario;
  const contender = {
    name: 'weir-10000-routes',
    routes: 10_000,
    version: () => assert.fail(),
    start: () => assert.fail(),
  };
  const [hot, walk] = readings(scenario, contender);
  assert.deepEqual(hot, { label: 'weir-10000-routes', path: '/service-05000/items/5000', walk: 0 });
  assert.deepEqual([walk?.label, walk?.walk], ['weir-10000-routes, walk', 10_000]);
  // judged on the hot one
  const rows = [row('weir-10-routes', [10]), row('weir-10000-routes', [10]), row('weir-10000-routes, walk', [30])];
  assert.match(verdicts(measured(rows, { scenario }))[0]!.text, /^held: 1\.00 × weir-10-routes/);
});

test('names of contenders stand for their kinds', () => {
  assert.ok(isAsked('go-stock', null) && isAsked('go-stock', ['go']) && isAsked('weir-policies', ['weir']));
  assert.ok(!isAsked('http-proxy', ['fastify-http-proxy']) && !isAsked('fastify-http-proxy', ['http-proxy']));
});

test('two revisions are compared pair by pair, and no more is said than the pairs show', () => {
  const rows = [row('weir', [9, 18, 9, 9, 9]), row('weir@abcdef0', [10, 20, 10, 10, 10])];
  const told = comparison(measured(rows), 'weir@abcdef0');
  assert.match(told, /^\| 2 +\| +18\.0 \| +20\.0 \| 0\.900 \|$/m);
  assert.match(told, /0\.900 × \(0\.900–0\.900, 5 pairs\): less in every pair/);
  assert.match(verdict([1.1, 1.2, 1.1, 1.3, 1.1]), /more in every pair/);
  assert.match(verdict([0.9, 0.9, 1.1, 0.9, 0.9]), /less in 4 of 5, which shows no difference/);
  assert.match(verdict([0.9, Number.NaN, 0.9]), /2 pairs\); fewer than five pairs show nothing/);
  assert.equal(verdict([]), 'no pair was measured');
});

test('errors of the load are told, and silence is one', () => {
  const fine = { requests: 9, durationUs: 1, bytes: 1, p50Us: 1, p99Us: 1, maxUs: 1 };
  const none = { connect: 0, read: 0, write: 0, timeout: 0, status: 0 };
  assert.equal(troubles({ ...fine, errors: none }), null);
  assert.match(troubles({ ...fine, errors: { ...none, status: 2 } }) ?? '', /2 answers of 400 or above/);
  assert.match(troubles({ ...fine, errors: { ...none, read: 1 } }) ?? '', /1 read/);
  assert.match(troubles({ ...fine, requests: 0, errors: none }) ?? '', /no request was answered/);
});

test('the plot is well-formed, and a bar is as long as its figure', () => {
  const scenario = { ...SCENARIOS[0]!, sentence: 'a < b & "c"' };
  const rows = [row('weir', [10, 20, 30]), row('nginx', [40]), row('haproxy', [Number.NaN])];
  const latency = {
    rate: 9,
    halfOf: null,
    rows: [latencyRow('direct', [9]), latencyRow('weir', [5]), latencyRow('nginx', [1009])],
  };
  const svg = plot([measured(rows, { scenario, latency })], 'today');
  assertWellFormed(svg);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  assert.match(svg, /prefers-color-scheme: dark/);
  const widths = [...svg.matchAll(/<rect class="bar[^"]*" [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  // CPU: 20 and 40 µs, the failed one without; added p99: below direct is no bar
  assert.deepEqual(widths.length, 4);
  assert.equal(widths[0]! * 2, widths[1]);
  assert.deepEqual([widths[2], widths[3]! > 100], [0, true]);
  assertWellFormed(plot([], 'nothing'));
});

test('the check for well-formedness sees what is not', () => {
  for (const bad of ['<a><b></a></b>', '<a>', '<a x=1/>', '<a>&</a>', '<a></a><b/>', '<a>x < y</a>']) {
    assert.throws(() => assertWellFormed(bad), assert.AssertionError, bad);
  }
  assertWellFormed('<a x="1"><b/>text &amp; more</a>');
});

/** One root, tags in pairs, quoted attributes, nothing bare that ought to be escaped. Neither comments nor CDATA. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  let roots = 0;
  const rest = xml.replace(
    /<(\/?)([\w:-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_tag, end, name, _attributes, empty) => {
      if (end) assert.equal(open.pop(), name);
      else {
        if (open.length === 0) roots += 1;
        if (!empty) open.push(name);
      }
      return '';
    },
  );
  assert.deepEqual(open, []);
  assert.equal(roots, 1);
  assert.doesNotMatch(rest, /[<>]|&(?!amp;|lt;|gt;|quot;)/);
}
