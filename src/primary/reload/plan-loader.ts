// Decides where a config file is compiled: here, or, when that would hold up the primary's loop, in a thread. The
// thread is started and warmed once the gateway serves, and stays. Called by the reloader.
import { statSync } from 'node:fs';
import type { Piscina } from 'piscina';
import type { Fault } from '../../shared/config/fault.ts';
import type { Compilation, CompiledPlan } from './load-plan.ts';

export interface LoadedPlan extends CompiledPlan {
  /**
   * The configuration with every default filled and every secret covered. Made when it is asked for: that takes a
   * quarter of the time of a large load, and the workers need the processors then.
   */
  configJson: () => Promise<string>;
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
    const env = { ...this.#env };
    const outcome = (await this.#pool.run({ file, env }, { name: 'compileTask' })) as Compilation;
    if (!outcome.ok) return outcome;
    this.#pool.run(null, { name: 'restTask' }).catch(() => {});
    const { source } = outcome.plan;
    const configJson = once(() => this.#pool!.run({ source, env }, { name: 'configJsonTask' }) as Promise<string>);
    return { ok: true, plan: { ...outcome.plan, configJson } };
  }

  /** Readies the thread for a large load; called once the gateway serves, so that it delays nobody. */
  async warm(): Promise<void> {
    if (this.#pool !== null) return;
    this.#pool = await startPool();
    await this.#pool.run(null, { name: 'warmTask' });
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
    this.#pool = null;
  }

  async #loadHere(file: string): Promise<LoadOutcome> {
    // lazily: a gateway that starts with a large config never needs yaml and zod in its own heap
    const { configJsonOf, loadPlan } = await import('./load-plan.ts');
    const outcome = loadPlan(file, this.#env);
    if (!outcome.ok) return outcome;
    const configJson = once(async () => configJsonOf(outcome.plan.source, this.#env));
    return { ok: true, plan: { ...outcome.plan, configJson } };
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make();
    return made;
  };
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
    resourceLimits: { maxYoungGenerationSizeMb: 24 },
  });
}

/** 0 for a file that cannot be read: the loader then says why. */
function fileSize(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
