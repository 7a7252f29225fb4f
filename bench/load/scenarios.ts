// What is asked of the contenders: one entry per load, with the sentence that a report prints above its table.
import type { Contender } from './contender.ts';

/** CPU time per request of one column at most so many times another's. */
export interface CpuTarget {
  of: string;
  over: string;
  ratioMax: number;
}

/** The p99 that one column adds over direct at most so much more than another adds. */
export interface LatencyTarget {
  of: string;
  over: string;
  moreMsMax: number;
}

export interface Scenario {
  name: string;
  sentence: string;
  method: string;
  /** path at the origin, see origin.ts */
  path: string;
  /** of every request */
  headers: Record<string, string>;
  bodyBytes: number;
  /** bytes of the answer's body: checked once before the load */
  answerBytes: number;
  /** `all`: every contender with one route; `routes`: Weir with ten and with many; `policies`: Weir with and without */
  kind: 'all' | 'routes' | 'policies';
  routes: number;
  /** followed by an open loop at half load */
  openLoop: boolean;
  targets: (CpuTarget | LatencyTarget)[];
}

/** One way to ask a contender: a row of the table. */
export interface Reading {
  label: string;
  path: string;
  /** over so many routes in turn; 0 = the path alone */
  walk: number;
}

export const SMALL_JSON =
  '{"id":42,"name":"a small answer","tags":["one","two","three"],"ok":true,"padding":"0123456789"}';
/** name of the file at the origin → its size */
export const LARGE_FILES = { '64k': 65_536, '1m': 1_048_576 };

const get: Omit<Scenario, 'name' | 'sentence'> = {
  method: 'GET',
  headers: {},
  bodyBytes: 0,
  answerBytes: SMALL_JSON.length,
  path: '/',
  kind: 'all',
  routes: 1,
  openLoop: true,
  targets: [],
};

export const SCENARIOS: Scenario[] = [
  {
    ...get,
    name: 'small-get',
    sentence: `GET, ${SMALL_JSON.length} bytes of JSON`,
    targets: [
      { of: 'weir', over: 'nginx', ratioMax: 1.5 },
      { of: 'weir', over: 'go-stock', ratioMax: 0.35 },
      { of: 'weir', over: 'fastify-http-proxy', ratioMax: 0.5 },
      { of: 'weir', over: 'http-proxy', ratioMax: 0.5 },
      { of: 'weir', over: 'nginx', moreMsMax: 1 },
    ],
  },
  { ...get, name: 'post-1k', sentence: 'POST of 1 KiB, a small JSON answer', method: 'POST', bodyBytes: 1024 },
  {
    ...get,
    name: 'get-64k',
    sentence: 'GET, 64 KiB',
    path: '/large/64k',
    answerBytes: LARGE_FILES['64k'],
    targets: [{ of: 'weir', over: 'nginx', ratioMax: 1.5 }],
  },
  { ...get, name: 'get-1m', sentence: 'GET, 1 MiB', path: '/large/1m', answerBytes: LARGE_FILES['1m'] },
  {
    ...get,
    name: 'connection-per-request',
    sentence: 'small GET, each on a connection of its own (Connection: close)',
    headers: { Connection: 'close' },
    openLoop: false,
  },
  {
    ...get,
    name: 'policies',
    sentence: 'small GET; the headers policy, a queue and trusted proxies, beside a route without',
    kind: 'policies',
    headers: { 'X-Forwarded-For': '203.0.113.7', 'X-Debug': '1' },
  },
  ...[1000, 10_000].map(
    (routes): Scenario => ({
      ...get,
      name: `routes-${routes}`,
      sentence: `small GET; one of ${routes.toLocaleString('en')} template routes, and a walk over all, beside ten`,
      kind: 'routes',
      routes,
      openLoop: false,
      targets: [{ of: `weir-${routes}-routes`, over: 'weir-10-routes', ratioMax: 1.05 }],
    }),
  ),
];

/** The rows that a contender has in the table: with many routes the hot one, and the walk over all. */
export function readings({ path }: Scenario, { name, routes }: Contender): Reading[] {
  if (routes === 1) return [{ label: name, path, walk: 0 }];
  const middle = routes >> 1;
  const hot = `/service-${String(middle).padStart(5, '0')}/items/${middle}`;
  return [
    { label: name, path: hot, walk: 0 },
    { label: `${name}, walk`, path: hot, walk: routes },
  ];
}
