// From a config file to a plan that can be sent: load, check, compile, pack. Functions without any state, because they
// run in two places: in the primary for small files, in a thread for large ones (compile-task.ts).
import { compile } from '../../shared/config/compile.ts';
import type { Fault } from '../../shared/config/fault.ts';
import { loadConfigFile, loadConfigText } from '../../shared/config/load.ts';
import { redact } from '../../shared/config/redact.ts';
import { packRoutes } from '../../shared/messages.ts';
import { type PlanHead, ROUTES_PER_PART } from '../../shared/plan.ts';

/** Plain data: it crosses a thread border by structured clone. */
export interface CompiledPlan {
  /** epoch, ledger items and the ports of `:0` listeners are still open */
  head: PlanHead;
  /** routes, at most ROUTES_PER_PART each, packed by packRoutes, strongest first */
  parts: Uint8Array[];
  admin: { host: string; port: number; token: string | null };
  workers: number;
  warnings: Fault[];
  source: PlanSource;
}

/** What the plan was made of. */
export interface PlanSource {
  file: string;
  text: string;
}

export type Compilation = { ok: true; plan: CompiledPlan } | { ok: false; faults: Fault[]; warnings: Fault[] };

export function loadPlan(file: string, env: NodeJS.ProcessEnv): Compilation {
  const loaded = loadConfigFile(file, env);
  if (!loaded.ok) return loaded;
  const { head, routes, admin, workers } = compile(loaded.config, loaded.hash);
  const parts: Uint8Array[] = [];
  for (let start = 0; start < routes.length; start += ROUTES_PER_PART) {
    parts.push(packRoutes(routes.slice(start, start + ROUTES_PER_PART)));
  }
  const source = { file, text: loaded.text };
  return { ok: true, plan: { head, parts, admin, workers, warnings: loaded.warnings, source } };
}

/** The configuration as it may be shown: JSON, every default filled, every secret covered. */
export function configJsonOf({ file, text }: PlanSource, env: NodeJS.ProcessEnv): string {
  const loaded = loadConfigText(text, file, env);
  // a secret file may have gone since: the plan that it was read for is in force all the same
  return loaded.ok ? JSON.stringify(redact(loaded.config, loaded.secrets)) : 'null';
}
