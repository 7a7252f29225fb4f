// Who is measured in a scenario. Each contender is one worker or thread, forwards to the same origin over kept
// connections, caps requests in flight at CAP, sets the same forwarding headers and writes no access log.
import { spawnSync } from 'node:child_process';
import { goStock, goTuned } from './go-proxy.ts';
import { fastifyHttpProxy, httpProxy } from './node-proxy.ts';
import type { ProcessTree } from './processes.ts';
import type { Scenario } from './scenarios.ts';
import { haproxy, nginx } from './servers.ts';
import { THIS_TREE, weir } from './weir.ts';

export interface Site {
  /** where a contender may write its configuration */
  directory: string;
  originPort: number;
}

export interface Started {
  port: number;
  tree: ProcessTree;
}

/** One line for the report, or a sentence that says what is missing. */
export type Version = { there: true; text: string } | { there: false; why: string };

export interface Contender {
  name: string;
  version(): Version;
  /** how many routes its configuration has */
  routes: number;
  start(site: Site): Promise<Started>;
}

/** The cap on requests in flight of every contender. */
export const CAP = 512;

/** In the order of the table. */
export function contenders({ kind, routes }: Scenario): Contender[] {
  const plain = { root: THIS_TREE, routes: 1, policies: false };
  if (kind === 'routes') {
    return [10, routes].map((count) => weir(`weir-${count}-routes`, { ...plain, routes: count }));
  }
  if (kind === 'policies') {
    return [weir('weir', plain), weir('weir-policies', { ...plain, policies: true }), nginx(true)];
  }
  return [weir('weir', plain), nginx(false), haproxy, goStock, goTuned, fastifyHttpProxy, httpProxy];
}

/** What a program says of its version, shaped. */
export function installed(file: string, args: string[], shape: (line: string) => string): Version {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return { there: false, why: `${file} is not installed; \`sh scripts/setup.sh bench\` installs it` };
  return { there: true, text: shape((stdout || stderr).split('\n')[0] ?? file) };
}
