// What is asked of the contenders: one line per load, with the sentence that a report prints above its table.

export interface Scenario {
  name: string;
  sentence: string;
  method: string;
  /** path at the origin, see origin.ts */
  path: string;
  bodyBytes: number;
  /** bytes of the answer's body: checked once before the load */
  answerBytes: number;
  /** null: all contenders with one route. Else Weir alone, beside itself with ten routes. */
  routes: number | null;
  /** the most that Weir's CPU time per request may be, over that of another column */
  targets: { over: string; ratioMax: number }[];
}

export const SMALL_JSON =
  '{"id":42,"name":"a small answer","tags":["one","two","three"],"ok":true,"padding":"0123456789"}';
export const LARGE_BYTES = 65_536;

const get = { method: 'GET', bodyBytes: 0, answerBytes: SMALL_JSON.length, path: '/', routes: null, targets: [] };

export const SCENARIOS: Scenario[] = [
  {
    ...get,
    name: 'small-get',
    sentence: `GET, ${SMALL_JSON.length} bytes of JSON`,
    targets: [
      { over: 'nginx', ratioMax: 2.5 },
      { over: 'go-stock', ratioMax: 0.5 },
    ],
  },
  { ...get, name: 'post-1k', sentence: 'POST of 1 KiB, a small JSON answer', method: 'POST', bodyBytes: 1024 },
  { ...get, name: 'get-64k', sentence: 'GET, 64 KiB', path: '/large', answerBytes: LARGE_BYTES },
  {
    ...get,
    name: 'routes-1000',
    sentence: 'small GET, walking over 1,000 template routes, beside ten',
    routes: 1000,
    targets: [{ over: 'weir-10-routes', ratioMax: 1.05 }],
  },
  {
    ...get,
    name: 'routes-10000',
    sentence: 'small GET, walking over 10,000 template routes, beside ten',
    routes: 10_000,
    targets: [{ over: 'weir-10-routes', ratioMax: 1.05 }],
  },
];
