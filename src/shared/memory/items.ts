// Which ledger item belongs to whom. State is found by identity (`upstream/users`, `endpoint/users/10.0.1.45:8080`),
// never by position in a config, so it survives reload and takeover. The primary is the only writer; any process may look up.
// The records lie in the segment, the map in front of them in each process; a generation word says when to rebuild it.
import { invariant, OperatorError } from '../errors.ts';
import type { Layout } from './layout.ts';
import { HEADER, HOST_IDENTITIES, IDENTITY, IDENTITY_TEXT_BYTES, IDENTITY_WORDS, ITEM_LINE_WORDS } from './layout.ts';

const FREE = 0;
const LIVE = 1;

export class ItemDirectory {
  readonly #i32: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #capacity: number;
  readonly #rows: number;
  readonly #itemOf = new Map<string, number>();
  readonly #identityOf = new Map<number, string>();
  #free: number[] = [];
  #generation = -1;

  constructor(i32: Int32Array, layout: Layout, items: number, rows: number) {
    this.#i32 = i32;
    this.#bytes = new Uint8Array(i32.buffer);
    this.#layout = layout;
    this.#capacity = items;
    this.#rows = rows;
  }

  /**
   * The item of an identity; a new one starts with zeroed lines. Primary only.
   * Throws OperatorError when the text is too long or every item is taken.
   */
  intern(identity: string): number {
    const known = this.find(identity);
    if (known >= 0) return known;
    const text = Buffer.from(identity);
    if (text.length === 0 || text.length > IDENTITY_TEXT_BYTES) {
      throw new OperatorError(
        `The name "${identity}" is ${text.length} bytes long, and the control segment holds names of 1 to ` +
          `${IDENTITY_TEXT_BYTES} bytes. Shorten the upstream's name or the endpoint's host name.`,
      );
    }
    const item = this.#vacant();
    const record = this.#record(item);
    this.#i32.fill(0, this.line(item), this.line(item) + ITEM_LINE_WORDS);
    this.#bytes.set(text, (record + IDENTITY.text) * 4);
    this.#i32[record + IDENTITY.byteLength] = text.length;
    // from here on it exists; before, the record reads free and is written anew
    Atomics.store(this.#i32, record + IDENTITY.state, LIVE);
    this.#itemOf.set(identity, item);
    this.#identityOf.set(item, identity);
    this.#changed();
    return item;
  }

  /** The item of an identity, -1 when it has none. */
  find(identity: string): number {
    this.#refresh();
    return this.#itemOf.get(identity) ?? -1;
  }

  /** Throws InvariantError for an item that nobody has. */
  identity(item: number): string {
    this.#refresh();
    const identity = this.#identityOf.get(item);
    invariant(identity !== undefined, `ledger item ${item} has no identity`);
    return identity;
  }

  entries(): [identity: string, item: number][] {
    this.#refresh();
    return [...this.#itemOf];
  }

  /**
   * Frees an item for another identity: true, or false while any process still holds something of it. Primary only, and
   * only once every worker has let go of the plans that named it: a worker that raised it later would raise a stranger's.
   */
  retire(item: number): boolean {
    const identity = this.identity(item);
    invariant(item >= HOST_IDENTITIES.length, `${identity} is part of every segment`);
    const column = this.#layout.ledger / 4 + item * this.#layout.ledgerStride;
    for (let row = 0; row < this.#rows; row += 1) {
      if (Atomics.load(this.#i32, column + row) !== 0) return false;
    }
    Atomics.store(this.#i32, this.#record(item) + IDENTITY.state, FREE);
    this.#itemOf.delete(identity);
    this.#identityOf.delete(item);
    this.#free.push(item);
    this.#changed();
    return true;
  }

  /** Index into `i32` of the first of the item's two shared lines. */
  line(item: number): number {
    return this.#layout.itemLines / 4 + item * ITEM_LINE_WORDS;
  }

  #vacant(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    const item = Atomics.load(this.#i32, HEADER.itemsHigh);
    if (item >= this.#capacity) {
      throw new OperatorError(
        `The control segment has room for ${this.#capacity} upstreams and endpoints, and all of it is in use. ` +
          'Restart Weir: it sizes the segment by the configuration that it starts with.',
      );
    }
    // before the item exists, so that whatever is ever raised on it lies below the mark that sweep() goes up to
    Atomics.store(this.#i32, HEADER.itemsHigh, item + 1);
    return item;
  }

  #changed(): void {
    this.#generation = Atomics.add(this.#i32, HEADER.itemsGeneration, 1) + 1;
  }

  /** Another process may have written since: read all records anew, until none changed meanwhile. */
  #refresh(): void {
    let generation = Atomics.load(this.#i32, HEADER.itemsGeneration);
    while (generation !== this.#generation) {
      this.#rebuild();
      this.#generation = generation;
      generation = Atomics.load(this.#i32, HEADER.itemsGeneration);
    }
  }

  #rebuild(): void {
    this.#itemOf.clear();
    this.#identityOf.clear();
    this.#free = [];
    const high = Atomics.load(this.#i32, HEADER.itemsHigh);
    for (let item = high - 1; item >= 0; item -= 1) {
      const record = this.#record(item);
      if (Atomics.load(this.#i32, record + IDENTITY.state) !== LIVE) {
        this.#free.push(item);
        continue;
      }
      const from = (record + IDENTITY.text) * 4;
      const text = this.#bytes.slice(from, from + this.#i32[record + IDENTITY.byteLength]!);
      const identity = Buffer.from(text.buffer, 0, text.length).toString();
      this.#itemOf.set(identity, item);
      this.#identityOf.set(item, identity);
    }
  }

  #record(item: number): number {
    return this.#layout.identities / 4 + item * IDENTITY_WORDS;
  }
}
