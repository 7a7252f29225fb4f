// The entries of the compile thread: see plan-loader.ts, which calls them.

import { setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { compile } from '../../shared/config/compile.ts';
import { loadConfigText } from '../../shared/config/load.ts';
import { packRoutes } from '../../shared/messages.ts';
import { configJsonOf, loadPlan, type PlanSource } from './load-plan.ts';

// Who serves requests goes first. On Linux this is the priority of the calling thread alone (setpriority(2), notes).
setPriority(10);

/** @returns a Compilation. The packed parts are handed over, not copied. */
export function compileTask(task: { file: string; env: NodeJS.ProcessEnv }): unknown {
  const outcome = loadPlan(task.file, task.env);
  if (!outcome.ok) return outcome;
  const { plan } = outcome;
  // msgpackr packs into a buffer that it goes on using: each part needs memory of its own before it may leave
  plan.parts = plan.parts.map((part) => new Uint8Array(part));
  const moved = { [transferableSymbol]: plan.parts.map((part) => part.buffer as ArrayBuffer), [valueSymbol]: outcome };
  return move(moved as unknown as Parameters<typeof move>[0]);
}

export function configJsonTask(task: { source: PlanSource; env: NodeJS.ProcessEnv }): string {
  return configJsonOf(task.source, task.env);
}

const WARM_ROUNDS = 10;
const WARM_ROUTES = 500;

/** Runs everything that a large load runs until V8 has compiled it: the first one then takes half the time. */
export function warmTask(): void {
  const lines = [
    'listeners: [{ address: 127.0.0.1:1 }]',
    'upstreams: { u: { endpoints: [http://127.0.0.1:1] } }',
    'routes:',
  ];
  for (let at = 0; at < WARM_ROUTES; at++) {
    lines.push(`  - id: r${at}`, `    hosts: [h${at}.example]`, `    path: /a${at}/{id}`, '    methods: [GET, POST]');
    lines.push('    upstream: u', '    timeout: 2s');
  }
  const text = lines.join('\n');
  for (let round = 0; round < WARM_ROUNDS; round++) {
    const loaded = loadConfigText(text, 'warm-up', {});
    if (loaded.ok) packRoutes(compile(loaded.config, loaded.hash).routes);
  }
  collectGarbage();
}

/** Gives the memory of the last load back to the system; called when no other load follows. */
export function restTask(): void {
  collectGarbage();
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}
