// The entry of the compile thread: see plan-loader.ts, which starts it.
import { transferableSymbol, valueSymbol } from 'piscina';
import { type LoadOutcome, loadPlan } from './load-plan.ts';

/** Piscina's task. The packed parts are handed over, not copied. */
export function compileTask(task: { file: string; env: NodeJS.ProcessEnv }): object {
  const outcome: LoadOutcome = loadPlan(task.file, task.env);
  if (!outcome.ok) return outcome;
  const { plan } = outcome;
  // msgpackr packs into a buffer that it goes on using: each part needs memory of its own before it may leave
  plan.parts = plan.parts.map((part) => new Uint8Array(part));
  return {
    get [transferableSymbol]() {
      return plan.parts.map((part) => part.buffer);
    },
    get [valueSymbol]() {
      return outcome;
    },
  };
}
