// The cap on requests in flight to one upstream, exact over the whole host, and the bounded queue in front of it.
// A slot is a raise of this worker's cell in the ledger; nothing else has to be undone when a worker is killed.
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

export class Gate {
  readonly #ledger: Ledger;
  readonly #item: number;
  readonly #waitingItem: number;
  #cap: number;
  #queueMax: number;
  readonly #queue: Waiter[] = [];
  #head = 0;
  #poll: NodeJS.Timeout | null = null;
  #admitting = false;

  constructor(ledger: Ledger, item: number, waitingItem: number, cap: number, queueMax: number) {
    this.#ledger = ledger;
    this.#item = item;
    this.#waitingItem = waitingItem;
    this.#cap = cap;
    this.#queueMax = queueMax;
  }

  /** A reload changed the limits; slots that are held above a lowered cap run out by themselves. */
  resize(cap: number, queueMax: number): void {
    this.#cap = cap;
    this.#queueMax = queueMax;
  }

  /** Takes a slot now, or says no. Never overtakes those who wait in this worker. */
  tryTake(): boolean {
    if (this.#head < this.#queue.length) return false;
    return this.#ledger.tryRaise(this.#item, this.#cap);
  }

  /** Joins the queue; false when it is full over the whole host. The waiter keeps its own deadline and calls `left()`. */
  join(waiter: Waiter): boolean {
    if (this.#queueMax === 0 || !this.#ledger.tryRaise(this.#waitingItem, this.#queueMax)) return false;
    this.#queue.push(waiter);
    this.#poll ??= setTimeout(this.#onPoll, POLL_MS);
    return true;
  }

  /** A waiter gave up; its `waiting` is false already. */
  left(): void {
    this.#ledger.lower(this.#waitingItem);
    while (this.#head < this.#queue.length && !this.#queue[this.#head]!.waiting) this.#head += 1;
    this.#compact();
  }

  /** Gives a slot back, exactly once for each one taken. */
  release(): void {
    this.#ledger.lower(this.#item);
    if (this.#head < this.#queue.length) this.#admit();
  }

  readonly #onPoll = (): void => {
    this.#poll = null;
    this.#admit();
    if (this.#head < this.#queue.length) this.#poll = setTimeout(this.#onPoll, POLL_MS);
  };

  #admit(): void {
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
        if (!this.#ledger.tryRaise(this.#item, this.#cap)) break;
        this.#head += 1;
        this.#ledger.lower(this.#waitingItem);
        next.admitted();
      }
    } finally {
      this.#admitting = false;
    }
    this.#compact();
  }

  #compact(): void {
    if (this.#head < this.#queue.length && this.#head < 64) return;
    this.#queue.splice(0, this.#head);
    this.#head = 0;
  }
}
