// From a config file to a plan that can be sent: load, check, compile, pack. One function without any state, because
// it runs in two places: in the primary for small files, in a thread for large ones (compile-task.ts).
import { compile } from '../../shared/config/compile.ts';
import type { Fault } from '../../shared/config/fault.ts';
import { loadConfigFile } from '../../shared/config/load.ts';
import { redact } from '../../shared/config/redact.ts';
import { pack } from '../../shared/messages.ts';
import { type PlanHead, ROUTES_PER_PART } from '../../shared/plan.ts';

/** Plain data: it crosses a thread border by structured clone. */
export interface LoadedPlan {
  /** epoch, ledger items and the ports of `:0` listeners are still open */
  head: PlanHead;
  /** RoutePlan[] of at most ROUTES_PER_PART each, msgpack, strongest route first */
  parts: Uint8Array[];
  /** the configuration with every default filled and every secret covered, as JSON */
  configJson: string;
  admin: { host: string; port: number; token: string | null };
  workers: number;
  warnings: Fault[];
}

export type LoadOutcome = { ok: true; plan: LoadedPlan } | { ok: false; faults: Fault[]; warnings: Fault[] };

export function loadPlan(file: string, env: NodeJS.ProcessEnv): LoadOutcome {
  const loaded = loadConfigFile(file, env);
  if (!loaded.ok) return loaded;
  const { head, routes, admin, workers } = compile(loaded.config, loaded.hash);
  const parts: Uint8Array[] = [];
  for (let start = 0; start < routes.length; start += ROUTES_PER_PART) {
    parts.push(pack(routes.slice(start, start + ROUTES_PER_PART)));
  }
  const configJson = JSON.stringify(redact(loaded.config, loaded.secrets));
  return { ok: true, plan: { head, parts, configJson, admin, workers, warnings: loaded.warnings } };
}
