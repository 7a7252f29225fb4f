// Ties a plan to the ledger: every upstream and endpoint gets its item by identity, so that counts survive a reload
// and a takeover. What no plan names any more is given back once nobody can still count on it.
// Called by the reloader; the primary is the only writer of the directory.
import { monotonicMs } from '../../shared/clock.ts';
import type { ItemDirectory } from '../../shared/memory/items.ts';
import type { PlanHead } from '../../shared/plan.ts';

/** A request that began on the old plan may still take its slot after the reload: it lives at most about this long. */
const RETIRE_AFTER_MS = 60_000;

/** Fills the items of `head`. Throws OperatorError when the directory is full. */
export function resolveItems(head: PlanHead, items: ItemDirectory): void {
  for (const upstream of head.upstreams) {
    upstream.item = items.intern(`upstream/${upstream.name}`);
    upstream.waitingItem = items.intern(`waiting/${upstream.name}`);
    upstream.eldestItem = items.intern(`eldest/${upstream.name}`);
    for (const endpoint of upstream.endpoints) {
      endpoint.item = items.intern(`endpoint/${upstream.name}/${endpoint.authority}`);
    }
  }
}

/** Every ledger item that the plan counts on. */
export function plannedItems(head: PlanHead): Set<number> {
  const planned = new Set<number>();
  for (const upstream of head.upstreams) {
    planned.add(upstream.item).add(upstream.waitingItem).add(upstream.eldestItem);
    for (const endpoint of upstream.endpoints) planned.add(endpoint.item);
  }
  return planned;
}

/** Gives back items that have been in no plan for RETIRE_AFTER_MS and whose column is zero. */
export class Retirement {
  readonly #items: ItemDirectory;
  readonly #now: () => number;
  readonly #unwantedSinceMs = new Map<number, number>();

  constructor(items: ItemDirectory, now: () => number = monotonicMs) {
    this.#items = items;
    this.#now = now;
  }

  /** To be called now and then with the plan in force. @returns how many items were given back */
  sweep(head: PlanHead): number {
    const now = this.#now();
    const planned = plannedItems(head);
    let retired = 0;
    for (const [identity, item] of this.#items.entries()) {
      if (planned.has(item) || identity.startsWith('host/')) {
        this.#unwantedSinceMs.delete(item);
        continue;
      }
      const sinceMs = this.#unwantedSinceMs.get(item) ?? now;
      this.#unwantedSinceMs.set(item, sinceMs);
      if (now - sinceMs >= RETIRE_AFTER_MS && this.#items.retire(item)) {
        this.#unwantedSinceMs.delete(item);
        retired++;
      }
    }
    return retired;
  }
}
