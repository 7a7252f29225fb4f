// The entries of the compile thread: see plan-loader.ts, which calls them in this order.
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { loadPlan } from './load-plan.ts';

/** of the last load */
let configJson: () => string = () => 'null';

/** @returns a Compilation. The packed parts are handed over, not copied. */
export function compileTask(task: { file: string; env: NodeJS.ProcessEnv }): unknown {
  const loaded = loadPlan(task.file, task.env);
  configJson = loaded.configJson;
  const { outcome } = loaded;
  if (!outcome.ok) return outcome;
  const { plan } = outcome;
  // msgpackr packs into a buffer that it goes on using: each part needs memory of its own before it may leave
  plan.parts = plan.parts.map((part) => new Uint8Array(part));
  const moved = { [transferableSymbol]: plan.parts.map((part) => part.buffer as ArrayBuffer), [valueSymbol]: outcome };
  return move(moved as unknown as Parameters<typeof move>[0]);
}

/** The configuration of the last load, as JSON; lets go of it. */
export function configJsonTask(): string {
  const json = configJson();
  configJson = () => 'null';
  return json;
}
