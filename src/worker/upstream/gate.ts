// The cap on requests in flight to one upstream, exact over the whole host, and the bounded queue in front of it.
// A slot is a raise of this worker's cell in the ledger; nothing else has to be undone when a worker is killed.
import { monotonicMs } from '../../shared/clock.ts';
import type { Ledger } from '../../shared/memory/ledger.ts';

/** Someone who waits for a slot. */
export interface Waiter {
  /** false once it gave up (deadline, client gone): it is passed over */
  readonly waiting: boolean;
  /** called with the slot already taken on its behalf */
  admitted(): void;
}

/** There is no wake-up between processes: while somebody waits, look this often for slots that other workers gave back. */
const POLL_MS = 2;

/**
 * A worker hands its slots on to its own queue, unless somebody waits in another worker for longer than its first in
 * line by more than this: then it leaves the slot for that one's next look. Without it a queue was seen to wait 4 s
 * beside others that were served in 40 ms.
 */
const SLACK_MS = 10;
/** So often in a row a free slot is left to others; after that they are held up themselves, and it is taken. */
const DEFERRALS_MAX = 2;

export interface GateItems {
  /** counts requests in flight */
  readonly item: number;
  /** counts requests waiting */
  readonly waitingItem: number;
  /** holds since when the first in line waits */
  readonly eldestItem: number;
}

export class Gate {
  readonly #ledger: Ledger;
  readonly #items: GateItems;
  #cap: number;
  #queueMax: number;
  readonly #queue: Waiter[] = [];
  /** since when each of them waits; int32 milliseconds, never 0 */
  readonly #since: number[] = [];
  #head = 0;
  #deferrals = 0;
  #poll: NodeJS.Timeout | null = null;
  #admitting = false;

  constructor(ledger: Ledger, items: GateItems, cap: number, queueMax: number) {
    this.#ledger = ledger;
    this.#items = items;
    this.#cap = cap;
    this.#queueMax = queueMax;
  }

  /** A reload changed the limits; slots that are held above a lowered cap run out by themselves. */
  resize(cap: number, queueMax: number): void {
    this.#cap = cap;
    this.#queueMax = queueMax;
  }

  /** Takes a slot now, or says no. Never overtakes those who wait, in this worker or in another. */
  tryTake(): boolean {
    if (this.#head < this.#queue.length) return false;
    if (this.#queueMax > 0 && this.#ledger.earliestElsewhere(this.#items.eldestItem) !== 0) return false;
    return this.#ledger.tryRaise(this.#items.item, this.#cap);
  }

  /** Joins the queue; false when it is full over the whole host. The waiter keeps its own deadline and calls `left()`. */
  join(waiter: Waiter): boolean {
    if (this.#queueMax === 0 || !this.#ledger.tryRaise(this.#items.waitingItem, this.#queueMax)) return false;
    this.#queue.push(waiter);
    this.#since.push(Math.trunc(monotonicMs()) | 0 || 1);
    if (this.#queue.length - this.#head === 1) this.#publish();
    this.#poll ??= setTimeout(this.#onPoll, POLL_MS);
    return true;
  }

  /** A waiter gave up; its `waiting` is false already. */
  left(): void {
    this.#ledger.lower(this.#items.waitingItem);
    while (this.#head < this.#queue.length && !this.#queue[this.#head]!.waiting) this.#head += 1;
    this.#compact();
  }

  /** Gives a slot back, exactly once for each one taken. */
  release(): void {
    this.#ledger.lower(this.#items.item);
    if (this.#head < this.#queue.length) this.#admit(false);
  }

  readonly #onPoll = (): void => {
    this.#poll = null;
    this.#admit(true);
    if (this.#head < this.#queue.length) this.#poll = setTimeout(this.#onPoll, POLL_MS);
  };

  /** @param polled it is the timer's look: those in other workers have had theirs meanwhile */
  #admit(polled: boolean): void {
    // whoever gives its slot back within admitted() comes by here again: the loop goes on, the stack does not deepen
    if (this.#admitting) return;
    this.#admitting = true;
    try {
      while (this.#head < this.#queue.length) {
        const next = this.#queue[this.#head]!;
        if (!next.waiting) {
          this.#head += 1;
          continue;
        }
        if (this.#othersFirst(polled) || !this.#ledger.tryRaise(this.#items.item, this.#cap)) break;
        this.#deferrals = 0;
        this.#head += 1;
        this.#ledger.lower(this.#items.waitingItem);
        next.admitted();
      }
    } finally {
      this.#admitting = false;
    }
    this.#compact();
  }

  #othersFirst(polled: boolean): boolean {
    const elsewhere = this.#ledger.earliestElsewhere(this.#items.eldestItem);
    if (elsewhere === 0 || ((this.#since[this.#head]! - elsewhere) | 0) <= SLACK_MS) return false;
    if (polled) this.#deferrals += 1;
    return this.#deferrals <= DEFERRALS_MAX;
  }

  #compact(): void {
    if (this.#head === this.#queue.length || this.#head >= 64) {
      this.#queue.splice(0, this.#head);
      this.#since.splice(0, this.#head);
      this.#head = 0;
    }
    this.#publish();
  }

  #publish(): void {
    this.#ledger.publish(this.#items.eldestItem, this.#head < this.#queue.length ? this.#since[this.#head]! : 0);
  }
}
