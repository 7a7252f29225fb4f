// Decides where a config file is compiled: here, or, when that would hold up the primary's loop, in a thread. The
// thread stays after its first use, so that only the first large load pays for its start. Called by the reloader.
import { statSync } from 'node:fs';
import type { Piscina } from 'piscina';
import type { Fault } from '../../shared/config/fault.ts';
import type { Compilation, CompiledPlan } from './load-plan.ts';

export interface LoadedPlan extends CompiledPlan {
  /** the configuration with every default filled and every secret covered; may come later than the plan */
  configJson: Promise<string>;
}

export type LoadOutcome = { ok: true; plan: LoadedPlan } | { ok: false; faults: Fault[]; warnings: Fault[] };

/** A file of this size takes about 50 ms; below, a thread's start costs more than it saves. */
const THREAD_FROM_BYTES = 128 * 1024;

export class PlanLoader {
  readonly #env: NodeJS.ProcessEnv;
  #pool: Piscina | null = null;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** One at a time. */
  async load(file: string): Promise<LoadOutcome> {
    if (fileSize(file) < THREAD_FROM_BYTES) return this.#loadHere(file);
    this.#pool ??= await startPool();
    const outcome = (await this.#pool.run({ file, env: { ...this.#env } }, { name: 'compileTask' })) as Compilation;
    if (!outcome.ok) return outcome;
    // the thread has it at hand until the next load
    const configJson = this.#pool.run(null, { name: 'configJsonTask' }) as Promise<string>;
    configJson.catch(() => {});
    return { ok: true, plan: { ...outcome.plan, configJson } };
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
    this.#pool = null;
  }

  async #loadHere(file: string): Promise<LoadOutcome> {
    // lazily: a gateway that starts with a large config never needs yaml and zod in its own heap
    const { loadPlan } = await import('./load-plan.ts');
    const { outcome, configJson } = loadPlan(file, this.#env);
    if (!outcome.ok) return outcome;
    return { ok: true, plan: { ...outcome.plan, configJson: Promise.resolve(configJson()) } };
  }
}

async function startPool(): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  // the published package is compiled: the tasks lie beside this file, under its ending
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Piscina({
    filename: new URL(`./compile-task.${extension}`, import.meta.url).href,
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
