// Every policy that Weir has, in the order in which they run. Adding one is its file and a line here (and its options
// in the configuration's schema). Read by the plan builder only.
import { headersPolicy } from './headers.ts';
import type { Policy } from './policy.ts';
import { respondPolicy } from './respond.ts';
import { rewritePolicy } from './rewrite.ts';

const CATALOGUE: readonly Policy<never>[] = [respondPolicy, rewritePolicy, headersPolicy];

const BY_NAME = new Map(CATALOGUE.map((policy) => [policy.name, policy]));

export const POLICY_NAMES: readonly string[] = CATALOGUE.map((policy) => policy.name);

export function findPolicy(name: string): Policy<unknown> | null {
  return (BY_NAME.get(name) as Policy<unknown> | undefined) ?? null;
}
