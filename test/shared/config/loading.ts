// Short ways to load a configuration in a test, and a smallest good one.
import assert from 'node:assert/strict';
import type { Fault } from '../../../src/shared/config/fault.ts';
import { type Loaded, loadConfigText } from '../../../src/shared/config/load.ts';

export type Good = Loaded & { ok: true };

/** Lines 1 to 3: one listener, one upstream `users`; a test goes on with its routes. */
export const BASE = `listeners: [{ address: 127.0.0.1:8080 }]
upstreams:
  users: { endpoints: ['http://127.0.0.1:9001'] }
`;

export const ROUTE = 'routes: [{ id: r, path: /, upstream: users }]\n';

export function good(text: string, env: NodeJS.ProcessEnv = {}): Good {
  const loaded = loadConfigText(text, 'gateway.yaml', env);
  assert.ok(loaded.ok, loaded.ok ? '' : told(loaded.faults).join('\n'));
  return loaded;
}

export function errors(text: string, env: NodeJS.ProcessEnv = {}): Fault[] {
  const loaded = loadConfigText(text, 'gateway.yaml', env);
  return loaded.ok ? [] : loaded.faults;
}

export function warnings(text: string, env: NodeJS.ProcessEnv = {}): Fault[] {
  return loadConfigText(text, 'gateway.yaml', env).warnings;
}

/** `line:col message` of each */
export function told(faults: readonly Fault[]): string[] {
  return faults.map(({ line, col, message }) => `${line}:${col} ${message}`);
}
