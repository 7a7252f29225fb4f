// What a match costs at 10, 1,000 and 10,000 routes, in ordinary tables and in ugly ones.
// Run: node bench/micro/router.ts
//
// "one hot route" asks for the same path again and again; "spread" asks for all routes in turn, so that at 10,000 the
// processor's caches miss as they would for any structure of that size.
import type { RoutePlan } from '../../src/shared/plan.ts';
import { Router } from '../../src/worker/route/router.ts';

const RUNS = 300_000;
const ROUNDS = 9;
const FRESH = 4096;

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

function build(world: World, count: number): { router: Router<number>; addUs: number } {
  // filler of the same kind makes 10 and 10,000 differ in number only
  const router = new Router<number>();
  const plans = Array.from({ length: count }, (_, index) => plan(index, world.route(index)));
  const start = process.hrtime.bigint();
  for (const [index, route] of plans.entries()) router.add(route, index);
  return { router, addUs: Number(process.hrtime.bigint() - start) / 1000 / count };
}

/** Paths are copies, as a parser hands them over; hosts are one object each, as readHost() gives them. */
function questions(world: World, indices: number[]): { hosts: string[]; paths: string[] } {
  const byHost = new Map<string, string>();
  const hosts: string[] = [];
  const paths: string[] = [];
  for (let at = 0; at < FRESH; at++) {
    const [host, path] = world.ask(indices[at % indices.length] as number);
    if (!byHost.has(host)) byHost.set(host, host);
    hosts.push(byHost.get(host) as string);
    paths.push(path);
  }
  return { hosts, paths };
}

function round(router: Router<number>, hosts: string[], paths: string[]): number {
  const headers = ['host', 'a.com', 'accept', '*/*'];
  // the parser gives a path whose hash is not known yet: a copy made outside the measured loop, used once
  const copies: string[] = [];
  for (const path of paths) copies.push(Buffer.from(path, 'latin1').toString('latin1'));
  let missed = 0;
  const start = process.hrtime.bigint();
  for (let at = 0; at < FRESH; at++) {
    if (router.match('GET', hosts[at] as string, copies[at] as string, '', headers) === null) missed++;
  }
  const took = Number(process.hrtime.bigint() - start) / FRESH;
  if (missed > 0) throw new Error(`${missed} of ${FRESH} found no route`);
  return took;
}

function best(router: Router<number>, world: World, indices: number[]): number {
  const { hosts, paths } = questions(world, indices);
  let fastest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < (RUNS / FRESH) * ROUNDS; run++) fastest = Math.min(fastest, round(router, hosts, paths));
  return fastest;
}

console.log('ns per match'.padEnd(26), '      10    1,000   10,000 | spread 10    1,000   10,000 | us per add');
for (const world of WORLDS) {
  const cells: string[] = [];
  const spread: string[] = [];
  let addUs = 0;
  for (const count of [10, 1000, 10_000]) {
    const built = build(world, count);
    addUs = built.addUs;
    // the same route in all three sizes, and one that lies in the middle of the precedence of the small table
    cells.push(best(built.router, world, [5]).toFixed(1).padStart(8));
    const all = Array.from({ length: count }, (_, index) => (index * 7919) % count);
    spread.push(best(built.router, world, all).toFixed(1).padStart(8));
  }
  console.log(world.name.padEnd(26), cells.join(' '), '|', spread.join(' '), '|', addUs.toFixed(2));
}
