// Where every shared byte lies: the one map of the control segment. Whoever adds, moves or reinterprets a cell does it
// here, raises LAYOUT_VERSION, and a second Weir that speaks another layout is refused with both numbers.
// Read by every file of this room; nothing outside it knows an offset (but for `itemLine`, see ITEM_LINE).
//
//   byte 0
//   ┌────────────────────────────────────────────────────────────────────────────────────────────────────┐
//   │ HEADER      16 lines   who made this, its shape, the few words that everyone reads                 │
//   ├────────────────────────────────────────────────────────────────────────────────────────────────────┤
//   │ SLOTS       1 line  × rows     who sits in each row, and is it alive                               │
//   ├────────────────────────────────────────────────────────────────────────────────────────────────────┤
//   │ LEDGER      stride × items     item-major: ledger[item × stride + row]                             │
//   │             stride = rows rounded up to 16 words, so all cells of one item share ONE cache line    │
//   │             for up to 16 processes, and a sum over the host costs one line                         │
//   ├────────────────────────────────────────────────────────────────────────────────────────────────────┤
//   │ IDENTITIES  4 lines × items    whose item this is, as text                                         │
//   ├────────────────────────────────────────────────────────────────────────────────────────────────────┤
//   │ ITEM_LINES  2 lines × items    one cold and one hot line for what is shared about the item         │
//   ├────────────────────────────────────────────────────────────────────────────────────────────────────┤
//   │ BUCKETS     1 word  × buckets  heads of the series directory's chains                              │
//   ├────────────────────────────────────────────────────────────────────────────────────────────────────┤
//   │ ARENA       arenaBytes         records of the series directory, bump-allocated, never moved        │
//   ├────────────────────────────────────────────────────────────────────────────────────────────────────┤
//   │ CELLS       cells × 8 × rows   row-major: one Float64 row per process, its single writer           │
//   └────────────────────────────────────────────────────────────────────────────────────────────────────┘
//
// A "line" is a cache line of 64 bytes; every region starts on one. A "word" is an Int32. Offsets below are in words
// unless their name says otherwise. What is fought over lies alone on its line; what is written once lies together.
//
// What a SIGKILL leaves behind, between any two writes of each operation:
//
//   create               a `<path>.new` that nobody attaches to; the next create removes it. The rename is the last step.
//   claim a slot         state is stored last: the slot still reads `free`, the next claim overwrites the rest.
//   beat                 one of two independent stamps is old. Nothing is derived from the pair.
//   raise, tryRaise      the row is one higher than what its dead owner held: the sweep zeroes the row either way.
//   lower                the same.
//   a row's first use    the mark rowsUsed may be further than needed: a sum then reads a zero more.
//   sweep                half the row is zero and the slot is not free yet: it is swept again. Zeroing is idempotent.
//   intern an item       the identity's state word is stored last: the record still reads free and is used again.
//                        Killed between state and generation: readers find the item at the next change; an adopting
//                        primary reads the records, not the generation.
//   retire an item       one store decides; its generation as above.
//   add a series         killed before its bucket's compare-and-swap: record and cells are leaked (at most 1 KiB and
//                        120 bytes) and nobody can see them. Killed after: the series is there, whole, its cells zero.
//   f64[i] += 1          one aligned 8-byte store: the old or the new value. The cells of the dead stay and are summed.
//   publish the epoch    one word.
import { invariant } from '../errors.ts';
import { DURATION_BUCKETS } from '../metrics.ts';

/** Raise it with every change of what lies where or of what a cell means. */
export const LAYOUT_VERSION = 1;

/** `WEIR` in memory order; a foreign file, or one of another byte order, does not have it. */
export const MAGIC = 0x52494557;

export const LINE_BYTES = 64;
export const LINE_WORDS = 16;
export const HEADER_BYTES = 16 * LINE_BYTES;

/** The header, in words from the start. */
export const HEADER = {
  // line 0: written by the creator before the rename, never again; read by attach
  magic: 0,
  version: 1,
  layoutHash: 2,
  ready: 3, // 0 while initialising, 1 once whole
  rows: 4,
  items: 5,
  cells: 6,
  buckets: 7,
  arenaBytes: 8,
  lines: 9, // size of the file in lines
  // line 1: written by the primary, read by every worker; changes with a reload or a drain
  epoch: 16,
  draining: 17,
  rowsUsed: 18, // rows that ever had a ledger: a sum needs to look no further; only grows, by any process
  // line 2: fought over by all (compare-and-swap), only while a new series is added
  arenaNext: 32, // next free word of the arena
  cellNext: 33, // next free cell of every row
  // line 3: written by the primary, read by all when they look an item up
  itemsHigh: 48, // items ever used: nothing above it was ever written
  itemsGeneration: 49, // one more with each intern and retire
  // lines 4–15: reserve, zero
} as const;

/** One process's slot: one line, one writer (its process; the primary once that is dead). Readers: the primary, admin. */
export const SLOT_WORDS = LINE_WORDS;
export const SLOT = {
  state: 0, // index into SLOT_STATES
  role: 1, // index into SLOT_ROLES
  pid: 2,
  epochBuilt: 3, // the last plan that this process could serve
  // words 4–9 are the Float64 fields below; 10–15 reserve
} as const;
/** Float64 fields of a slot, counted in 8 bytes from the slot's start. */
export const SLOT_F64 = {
  startTicks: 2, // /proc/<pid>/stat field 22: tells a pid from its reuse
  heartbeatMs: 3, // monotonicMs() of the last beat
  lagMs: 4, // worst event-loop delay of the last second
} as const;
export const SLOT_STATES = ['free', 'starting', 'ready', 'draining'] as const;
export const SLOT_ROLES = ['primary', 'worker'] as const;

/** An item's identity record: 4 lines, cold. Writer: the primary. Readers: all, when they look an item up. */
export const IDENTITY_WORDS = 64;
export const IDENTITY = {
  state: 0, // 0 free, 1 live; stored last
  byteLength: 1,
  text: 2, // UTF-8, up to IDENTITY_TEXT_BYTES
} as const;
export const IDENTITY_TEXT_BYTES = (IDENTITY_WORDS - IDENTITY.text) * 4;

/**
 * What the processes share about one item (an endpoint's health, its breaker): two lines, zeroed when an identity moves in.
 * Words 0–15 are for what is rarely written, 16–31 for what changes with requests. All reserve as yet.
 */
export const ITEM_LINE_WORDS = 2 * LINE_WORDS;
export const ITEM_LINE = { cold: 0, hot: LINE_WORDS } as const;

/** Ledger items that exist in every segment. */
export const ITEM_REQUESTS = 0; // requests in flight on the host
export const ITEM_CONNECTIONS = 1; // client connections on the host
export const HOST_IDENTITIES = ['host/requests', 'host/connections'] as const;

/**
 * A series record in the arena. Writer: the process that adds the series, before it publishes the record with a
 * compare-and-swap of the bucket; immutable from then on. Readers: all.
 */
export const SERIES = {
  next: 0, // word of the next record of the chain, 0 = end
  hash: 1, // of family and labels
  family: 2, // hash of the metric's name
  cell: 3, // first cell in every row
  byteLength: 4,
  text: 5, // UTF-8, labels in the family's order, one NUL between two
} as const;
export const SERIES_TEXT_BYTES = 1000;
/** Arena words that are never handed out, because 0 means "end of chain". */
export const ARENA_FIRST = 4;

/** Cells of one histogram: one per bound, +Inf, sum of seconds. */
export const HISTOGRAM_CELLS = DURATION_BUCKETS.length + 2;
/** Cell 0 of a row is 1 once the row has had a writer: readers skip the others. */
export const CELL_USED = 0;
/** Cells that are written and never read: where a count goes that has no place at all. */
export const CELL_SINK = 1;
export const CELL_FIRST = roundUp(CELL_SINK + HISTOGRAM_CELLS, 8);

/** How many of everything. `rows`: processes, row 0 = the primary. `cells`: Float64 cells in each row. */
export interface SegmentShape {
  rows: number;
  items: number;
  cells: number;
  buckets: number;
  arenaBytes: number;
}

/** Start of each region in bytes, and the size of the whole. */
export interface Layout {
  slots: number;
  ledger: number;
  /** words from one item's ledger cells to the next one's */
  ledgerStride: number;
  identities: number;
  itemLines: number;
  buckets: number;
  arena: number;
  cells: number;
  bytes: number;
}

/** Cells that a route is expected to need: a histogram and some twenty pairs of method and status. */
const CELLS_PER_ROUTE = 36;
/** Records are mostly 30–50 bytes long and one in three cells or so has its own. */
const ARENA_BYTES_PER_CELL = 32;

/**
 * The shape for a configuration. Rows for two generations of workers (a takeover runs both) and two to spare; items for
 * twice the endpoints and upstreams (each upstream takes two), because a reload needs the new ones before the old go.
 * @param upstreams when not known, as many as endpoints: the worst case
 */
export function shapeFor(workers: number, routes: number, endpoints: number, upstreams = endpoints): SegmentShape {
  const cells = roundUp(clamp(routes * CELLS_PER_ROUTE, 65_536, 524_288), 8);
  return {
    rows: 1 + 2 * workers + 2,
    items: roundUp(Math.max(4096, 4 * endpoints + 4 * upstreams), LINE_WORDS),
    cells,
    buckets: 2 ** Math.ceil(Math.log2(cells / 2)),
    arenaBytes: roundUp(cells * ARENA_BYTES_PER_CELL, LINE_BYTES),
  };
}

/** Where the regions of a segment of this shape lie. */
export function layoutOf(shape: SegmentShape): Layout {
  const ledgerStride = roundUp(shape.rows, LINE_WORDS);
  const slots = HEADER_BYTES;
  const ledger = slots + shape.rows * SLOT_WORDS * 4;
  const identities = ledger + shape.items * ledgerStride * 4;
  const itemLines = identities + shape.items * IDENTITY_WORDS * 4;
  const buckets = itemLines + shape.items * ITEM_LINE_WORDS * 4;
  const arena = roundUp(buckets + shape.buckets * 4, LINE_BYTES);
  const cells = arena + shape.arenaBytes;
  const bytes = cells + shape.rows * shape.cells * 8;
  return { slots, ledger, ledgerStride, identities, itemLines, buckets, arena, cells, bytes };
}

/** What is wrong with a shape, or null. A shape may come out of a file, so nothing of it is believed. */
export function shapeFault(shape: SegmentShape): string | null {
  const { rows, items, cells, buckets, arenaBytes } = shape;
  if (!within(rows, 1, 4096)) return `${rows} rows; 1 to 4096 are possible`;
  if (!within(items, HOST_IDENTITIES.length, 2 ** 24)) return `${items} items; 2 to 16777216 are possible`;
  if (!within(cells, CELL_FIRST, 2 ** 24) || cells % 8 !== 0) return `${cells} cells, not a multiple of 8 in range`;
  if (!within(buckets, 1, 2 ** 24) || (buckets & (buckets - 1)) !== 0) return `${buckets} buckets, not a power of two`;
  if (!within(arenaBytes, LINE_BYTES, 2 ** 30) || arenaBytes % LINE_BYTES !== 0)
    return `an arena of ${arenaBytes} bytes`;
  return layoutOf(shape).bytes > 2 ** 32 ? 'more than 4 GiB in all' : null;
}

/** Writes a shape into the header; `ready` stays 0. */
export function writeHeader(i32: Int32Array, shape: SegmentShape): void {
  const fault = shapeFault(shape);
  invariant(fault === null, `a control segment cannot have ${fault}`);
  i32[HEADER.magic] = MAGIC;
  i32[HEADER.version] = LAYOUT_VERSION;
  i32[HEADER.layoutHash] = layoutHash();
  i32[HEADER.rows] = shape.rows;
  i32[HEADER.items] = shape.items;
  i32[HEADER.cells] = shape.cells;
  i32[HEADER.buckets] = shape.buckets;
  i32[HEADER.arenaBytes] = shape.arenaBytes;
  i32[HEADER.lines] = layoutOf(shape).bytes / LINE_BYTES;
  i32[HEADER.arenaNext] = ARENA_FIRST;
  i32[HEADER.cellNext] = CELL_FIRST;
}

export function readShape(header: Int32Array): SegmentShape {
  return {
    rows: header[HEADER.rows]!,
    items: header[HEADER.items]!,
    cells: header[HEADER.cells]!,
    buckets: header[HEADER.buckets]!,
    arenaBytes: header[HEADER.arenaBytes]!,
  };
}

/**
 * A number made of all that is declared above. It catches the field that somebody moved without raising the version:
 * two builds of the same version with different hashes refuse each other too.
 */
export function layoutHash(): number {
  const shape: SegmentShape = { rows: 3, items: 32, cells: 64, buckets: 16, arenaBytes: 128 };
  const declared = JSON.stringify([
    [HEADER_BYTES, HEADER],
    [SLOT_WORDS, SLOT, SLOT_F64, SLOT_STATES, SLOT_ROLES],
    [IDENTITY_WORDS, IDENTITY, HOST_IDENTITIES],
    [ITEM_LINE_WORDS, ITEM_LINE],
    [SERIES, ARENA_FIRST, CELL_USED, CELL_SINK, CELL_FIRST, DURATION_BUCKETS],
    layoutOf(shape),
  ]);
  return hashBytes(Buffer.from(declared), 0);
}

/** FNV-1a, 32 bits, as a signed word. Part of the layout: series records and metric names are found by it. */
export function hashBytes(bytes: Uint8Array, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < bytes.length; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash | 0;
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
