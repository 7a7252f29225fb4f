// What a contender of the load bench is: something that can be started before the origin, asked for its version, and ended.
// Each is one worker or thread, forwards over kept connections, caps requests in flight at CAP, sets the same forwarding
// headers and writes no access log.
import { spawnSync } from 'node:child_process';
import type { ProcessTree } from './processes.ts';

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

/** What a program says of its version, shaped. */
export function installed(file: string, args: string[], shape: (line: string) => string): Version {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return { there: false, why: `${file} is not installed; \`sh scripts/setup.sh bench\` installs it` };
  return { there: true, text: shape((stdout || stderr).split('\n')[0] ?? file) };
}
