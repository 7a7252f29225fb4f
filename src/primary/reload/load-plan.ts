// From a config file to a plan that can be sent: load, check, compile, pack. One function without any state, because
// it runs in two places: in the primary for small files, in a thread for large ones (compile-task.ts).
import { compile } from '../../shared/config/compile.ts';
import type { Fault } from '../../shared/config/fault.ts';
import { loadConfigFile } from '../../shared/config/load.ts';
import { redact } from '../../shared/config/redact.ts';
import { pack } from '../../shared/messages.ts';
import { type PlanHead, ROUTES_PER_PART } from '../../shared/plan.ts';

/** Plain data: it crosses a thread border by structured clone. */
export interface CompiledPlan {
  /** epoch, ledger items and the ports of `:0` listeners are still open */
  head: PlanHead;
  /** RoutePlan[] of at most ROUTES_PER_PART each, msgpack, strongest route first */
  parts: Uint8Array[];
  admin: { host: string; port: number; token: string | null };
  workers: number;
  warnings: Fault[];
}

export type Compilation = { ok: true; plan: CompiledPlan } | { ok: false; faults: Fault[]; warnings: Fault[] };

/**
 * @returns the outcome, and a function for the configuration as it may be shown (JSON, secrets covered): that takes a
 *   quarter of the time for a large one, and nobody waits for it
 */
export function loadPlan(file: string, env: NodeJS.ProcessEnv): { outcome: Compilation; configJson: () => string } {
  const loaded = loadConfigFile(file, env);
  if (!loaded.ok) return { outcome: loaded, configJson: () => 'null' };
  const { head, routes, admin, workers } = compile(loaded.config, loaded.hash);
  const parts: Uint8Array[] = [];
  for (let start = 0; start < routes.length; start += ROUTES_PER_PART) {
    parts.push(pack(routes.slice(start, start + ROUTES_PER_PART)));
  }
  return {
    outcome: { ok: true, plan: { head, parts, admin, workers, warnings: loaded.warnings } },
    configJson: () => JSON.stringify(redact(loaded.config, loaded.secrets)),
  };
}
