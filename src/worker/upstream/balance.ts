// Which endpoint takes the next attempt. A balancer only orders what `Endpoint.usable()` lets through; it never asks
// about health itself. Called by Upstream.pick, once per attempt.
import type { Balance } from '../../shared/plan.ts';
import type { Endpoint } from './endpoint.ts';

export interface Balancer {
  /** @param usable at least two endpoints, all usable, none tried before in this exchange */
  choose(usable: readonly Endpoint[]): Endpoint;
}

export function createBalancer(kind: Balance): Balancer {
  return kind === 'round_robin' ? new RoundRobin() : new PowerOfTwoChoices();
}

/**
 * Two random endpoints, the one with less in flight over the whole host per weight wins (Mitzenmacher, "The power of
 * two choices", 2001). The in-flight sums are the host's, so N workers do not herd onto the same endpoint.
 */
class PowerOfTwoChoices implements Balancer {
  choose(usable: readonly Endpoint[]): Endpoint {
    const count = usable.length;
    const firstAt = Math.floor(Math.random() * count);
    let secondAt = Math.floor(Math.random() * (count - 1));
    if (secondAt >= firstAt) secondAt += 1;
    const first = usable[firstAt]!;
    const second = usable[secondAt]!;
    // (a + 1) / wa <= (b + 1) / wb without a division
    return (first.inFlight() + 1) * second.weight <= (second.inFlight() + 1) * first.weight ? first : second;
  }
}

/**
 * Smooth weighted round robin (nginx, 2012): each turn every endpoint gains its weight, the richest is chosen and pays
 * the total. Credits start at random, or N workers would send their first requests to the same endpoint.
 */
class RoundRobin implements Balancer {
  choose(usable: readonly Endpoint[]): Endpoint {
    let total = 0;
    let best = usable[0]!;
    for (const endpoint of usable) {
      total += endpoint.weight;
      endpoint.credit += endpoint.weight;
      if (endpoint.credit > best.credit) best = endpoint;
    }
    best.credit -= total;
    return best;
  }
}
