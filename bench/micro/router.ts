// What a match costs at 10, 1,000 and 10,000 routes, in ordinary tables and in ugly ones.
// Run: node bench/micro/router.ts
//
// "one hot route" asks for the same path again and again; "spread" asks for all routes in turn, so that at 10,000 the
// processor's caches miss as they would for any structure of that size.
import type { RoutePlan } from '../../src/shared/plan.ts';
import { Router } from '../../src/worker/route/router.ts';
import { type Figure, fresh, measure, present } from './harness.ts';

/** so many per round: each path is asked for once */
const FRESH = 16_384;

interface World {
  name: string;
  route(index: number): Partial<RoutePlan> & Pick<RoutePlan, 'path' | 'pathKind'>;
  ask(index: number): [host: string, path: string];
}

const WORLDS: World[] = [
  {
    name: 'exact',
    route: (i) => ({ pathKind: 'exact', path: `/api/things-${i}/list` }),
    ask: (i) => ['a.com', `/api/things-${i}/list`],
  },
  {
    name: 'template',
    route: (i) => ({ pathKind: 'template', path: `/api/things-${i}/{id}` }),
    ask: (i) => ['a.com', `/api/things-${i}/4711`],
  },
  {
    name: 'prefix',
    route: (i) => ({ pathKind: 'prefix', path: `/svc-${i}` }),
    ask: (i) => ['a.com', `/svc-${i}/users/42`],
  },
  {
    name: 'regex',
    route: (i) => ({ pathKind: 'regex', path: `/re/${i}/[0-9]+` }),
    ask: (i) => ['a.com', `/re/${i}/42`],
  },
  {
    name: 'a host each',
    route: (i) => ({ pathKind: 'prefix', path: '/', hosts: [`t${i}.example.com`] }),
    ask: (i) => [`t${i}.example.com`, '/users/42'],
  },
  {
    name: 'a wildcard host each',
    route: (i) => ({ pathKind: 'prefix', path: '/', hosts: [`*.t${i}.example.com`] }),
    ask: (i) => [`www.t${i}.example.com`, '/users/42'],
  },
  {
    name: '100 hosts share prefixes',
    route: (i) => ({ pathKind: 'prefix', path: `/svc-${Math.floor(i / 100)}`, hosts: [`h${i % 100}.example.com`] }),
    ask: (i) => [`h${i % 100}.example.com`, `/svc-${Math.floor(i / 100)}/users/42`],
  },
  {
    name: 'templates at one node',
    route: (i) => ({ pathKind: 'template', path: `/{tenant}/things-${i}/{id}` }),
    ask: (i) => ['a.com', `/acme/things-${i}/4711`],
  },
];

function plan(index: number, part: Partial<RoutePlan> & Pick<RoutePlan, 'path' | 'pathKind'>): RoutePlan {
  return {
    id: `r${index}`,
    hosts: [],
    methods: null,
    headers: [],
    query: [],
    priority: 0,
    targets: [],
    timeoutMs: 0,
    policies: [],
    allowEncodedSlashes: false,
    tier: 0,
    ...part,
  };
}

/** Filler of the same kind makes 10 and 10,000 differ in number only. */
function build(world: World, count: number): { router: Router<number>; addNs: number } {
  const router = new Router<number>();
  const plans = Array.from({ length: count }, (_, index) => plan(index, world.route(index)));
  const start = process.hrtime.bigint();
  for (const [index, route] of plans.entries()) router.add(route, index);
  return { router, addNs: Number(process.hrtime.bigint() - start) / count };
}

/** Asks for `indices` in turn, with paths whose hashes are not known yet, as a parser hands them over. */
function matching(name: string, router: Router<number>, world: World, indices: readonly number[]): Figure {
  const headers = ['host', 'a.com', 'accept', '*/*'];
  // hosts are one object each, as readHost() gives them
  const byHost = new Map<string, string>();
  const asked = Array.from({ length: FRESH }, (_, at) => world.ask(indices[at % indices.length] as number));
  for (const [host] of asked) if (!byHost.has(host)) byHost.set(host, host);
  const hosts = asked.map(([host]) => byHost.get(host) as string);
  let paths: string[] = [];
  return measure({
    name,
    times: FRESH,
    before() {
      paths = asked.map(([, path]) => fresh(path, 1)[0] as string);
    },
    run(times) {
      let missed = 0;
      for (let at = 0; at < times; at++) {
        if (router.match('GET', hosts[at] as string, paths[at] as string, '', headers) === null) missed++;
      }
      if (missed > 0) throw new Error(`${missed} of ${times} found no route`);
    },
  });
}

function figuresOf(world: World): Figure[] {
  return [10, 1000, 10_000].flatMap((count) => {
    const { router, addNs } = build(world, count);
    const all = Array.from({ length: count }, (_, index) => (index * 7919) % count);
    const title = `${world.name}, ${count.toLocaleString('en')} routes`;
    return [
      // the same route in all three sizes, and one that lies in the middle of the precedence of the small table
      matching(`${title}, one hot route`, router, world, [5]),
      {
        ...matching(`${title}, spread`, router, world, all),
        note: count < 1000 ? '' : `${addNs.toFixed(0)} ns per add`,
      },
    ];
  });
}

await present(import.meta.url, () => WORLDS.flatMap(figuresOf));
