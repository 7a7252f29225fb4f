// Real processes for the stories about the control segment: starts a script of children/, hears its messages, and sees
// to it that none outlives its test. Used by test/cluster/memory*.test.ts.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { shapeFor } from '../../src/shared/memory/layout.ts';
import type { Segment } from '../../src/shared/memory/segment.ts';
import { within } from '../helpers/deadline.ts';

/** A segment for four workers, with room for the series of some 150 lives of memory-mortal. */
export const SHAPE = { ...shapeFor(4, 1, 1), items: 64, cells: 65_536, buckets: 4096, arenaBytes: 4_194_304 };

/** Words of an item's lines, by what the stories use them for. All belong to item 2 and up, which are free here. */
export const GATE_ITEM = 2; // first word 1: go
export const INSIDE_ITEM = 3; // first word: how many hold a slot right now
export const PROGRESS_ITEM = 8; // plus the row: how far that process is

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** the next message that it sends */
  said<T>(): Promise<T>;
  kill(): Promise<void>;
}

export function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'weir-memory-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'segment');
}

/** Starts `children/<name>.ts` with arguments that it reads with `JSON.parse(process.argv[2])`; `parent` is added. */
export function start(t: TestContext, name: string, args: Record<string, unknown>): Child {
  const script = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url));
  const child = fork(script, [JSON.stringify({ ...args, parent: process.pid })], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const messages: unknown[] = [];
  const waiting: ((message: never) => void)[] = [];
  child.on('message', (message) => {
    const resolve = waiting.shift();
    if (resolve === undefined) messages.push(message);
    else resolve(message as never);
  });
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await within(10_000, exit, `${name} to die`);
  };
  t.after(kill);
  return {
    process: child,
    pid: child.pid!,
    said: <T>() => {
      const next = messages.shift() as T | undefined;
      if (next !== undefined) return Promise.resolve(next);
      const exit = once(child, 'exit').then(([code, signal]) => {
        throw new Error(`${name} ended (${code ?? signal}) before it answered`);
      });
      exit.catch(() => {}); // it may end later, when nobody waits any more
      const message = new Promise<T>((resolve) => waiting.push(resolve));
      return within(60_000, Promise.race([message, exit]), `${name} to answer`);
    },
    kill,
  };
}

/** In a child: spins until the test opens the gate, so that all start at once. Ends the process when the test is gone. */
export function awaitGate(segment: Segment, parent: number): void {
  const gate = segment.itemLine(GATE_ITEM);
  while (Atomics.load(segment.i32, gate) === 0) if (process.ppid !== parent) process.exit(1);
}

/** A small seeded generator (mulberry32): the same seed, the same story. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
