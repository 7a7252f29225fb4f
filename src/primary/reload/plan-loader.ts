// Decides where a config file is compiled: here, or, when that would hold up the primary's loop, in a thread. The
// thread stays after its first use, so that only the first large load pays for its start. Called by the reloader.
import { statSync } from 'node:fs';
import type { Piscina } from 'piscina';
import type { LoadOutcome } from './load-plan.ts';

/** A file of this size takes about 50 ms; below, a thread's start costs more than it saves. */
const THREAD_FROM_BYTES = 128 * 1024;

export class PlanLoader {
  readonly #env: NodeJS.ProcessEnv;
  #pool: Piscina | null = null;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  async load(file: string): Promise<LoadOutcome> {
    if (fileSize(file) < THREAD_FROM_BYTES) {
      // lazily: a gateway that starts with a large config never needs yaml and zod in its own heap
      const { loadPlan } = await import('./load-plan.ts');
      return loadPlan(file, this.#env);
    }
    this.#pool ??= await startPool();
    return (await this.#pool.run({ file, env: { ...this.#env } })) as LoadOutcome;
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
    this.#pool = null;
  }
}

async function startPool(): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  // the published package is compiled: the task lies beside this file, under its ending
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Piscina({
    filename: new URL(`./compile-task.${extension}`, import.meta.url).href,
    name: 'compileTask',
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
  });
}

/** 0 for a file that cannot be read: the loader then says why. */
function fileSize(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
