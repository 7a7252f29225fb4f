// The control segment: the one region that every process of the host views, and the door to all that lies in it.
// The primary creates or adopts it, workers attach by path; unit tests use the same code on a SharedArrayBuffer.
// What lies where: layout.ts. How the bytes come to be shared: mapping.ts.
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvariantError, OperatorError } from '../errors.ts';
import { ItemDirectory } from './items.ts';
import type { Layout, SegmentShape } from './layout.ts';
import {
  HEADER,
  HEADER_BYTES,
  HOST_IDENTITIES,
  LAYOUT_VERSION,
  LINE_BYTES,
  layoutHash,
  layoutOf,
  MAGIC,
  readShape,
  shapeFault,
  writeHeader,
} from './layout.ts';
import { Ledger } from './ledger.ts';
import type { FileLock, MappedFile } from './mapping.ts';
import { attachMapping, createMapping, lockBeside } from './mapping.ts';
import type { SeriesReading } from './series.ts';
import { SeriesReader, SeriesWriter } from './series.ts';
import { SeriesTable } from './series-table.ts';
import { SlotTable } from './slots.ts';

/** Held by the living primary of a configuration. */
export type SegmentLock = FileLock;

/** Where the segment of a configuration lies: one per user and file, whatever name the file was given by. */
export function segmentPath(configFile: string, env: NodeJS.ProcessEnv): string {
  const digest = createHash('sha256').update(realpathSync(configFile)).digest('hex').slice(0, 12);
  const directory = env['WEIR_RUNTIME_DIR'] || (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
  return join(directory, `weir-${process.geteuid?.() ?? 0}-${digest}`);
}

export class Segment {
  readonly shape: SegmentShape;
  /** null: inside this process only */
  readonly path: string | null;
  /** series cells are absolute indices into this */
  readonly f64: Float64Array;
  readonly i32: Int32Array;
  readonly slots: SlotTable;
  readonly items: ItemDirectory;
  readonly #layout: Layout;
  readonly #mapped: MappedFile | null;
  readonly #table: SeriesTable;
  #reader: SeriesReader | null = null;
  readonly #writers = new Map<number, SeriesWriter>();

  private constructor(buffer: ArrayBufferLike, shape: SegmentShape, path: string | null, mapped: MappedFile | null) {
    const layout = layoutOf(shape);
    this.shape = shape;
    this.path = path;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.slots = new SlotTable(this.i32, this.f64, layout, shape.rows);
    this.items = new ItemDirectory(this.i32, layout, shape.items, shape.rows);
    this.#layout = layout;
    this.#mapped = mapped;
    this.#table = new SeriesTable(this.i32, layout, shape);
  }

  /** A segment that only this process (and its threads) can see. */
  static inProcess(shape: SegmentShape): Segment {
    const buffer = new SharedArrayBuffer(layoutOf(shape).bytes);
    Segment.#initialise(buffer, shape);
    return new Segment(buffer, shape, null, null);
  }

  /** Makes the file, whole before its name exists, in place of any that was there. Hold the lock. */
  static create(path: string, shape: SegmentShape): Segment {
    const mapped = createMapping(path, layoutOf(shape).bytes, (buffer) => Segment.#initialise(buffer, shape));
    return new Segment(mapped.buffer, shape, path, mapped);
  }

  /** Views an existing segment. Throws OperatorError when it is missing, foreign, cut short or of another layout. */
  static attach(path: string): Segment {
    let shape: SegmentShape | null = null;
    const mapped = attachMapping(path, HEADER_BYTES, (header, fileBytes) => {
      shape = checkHeader(path, new Int32Array(header.buffer), fileBytes);
    });
    return new Segment(mapped.buffer, shape!, path, mapped);
  }

  /** The right to be the primary of the segment at `path`; null while another process has it. */
  static lock(path: string): SegmentLock | null {
    return lockBeside(path);
  }

  static #initialise(buffer: ArrayBufferLike, shape: SegmentShape): void {
    const i32 = new Int32Array(buffer);
    writeHeader(i32, shape);
    const layout = layoutOf(shape);
    const items = new ItemDirectory(i32, layout, shape.items, shape.rows);
    for (const identity of HOST_IDENTITIES) items.intern(identity);
    new SeriesTable(i32, layout, shape).internOverflow();
    Atomics.store(i32, HEADER.ready, 1);
  }

  /** The plan in force, 0 before the first. */
  epoch(): number {
    return Atomics.load(this.i32, HEADER.epoch);
  }

  publishEpoch(epoch: number): void {
    Atomics.store(this.i32, HEADER.epoch, epoch);
  }

  hostDraining(): boolean {
    return Atomics.load(this.i32, HEADER.draining) === 1;
  }

  setHostDraining(on: boolean): void {
    Atomics.store(this.i32, HEADER.draining, on ? 1 : 0);
  }

  /** The ledger through the eyes of one row, whose process must be the only one to write with it. */
  ledger(row: number): Ledger {
    this.#checkRow(row);
    return new Ledger(this.i32, this.#layout, row);
  }

  /** The counters of one row, whose process must be the only one to write with it. */
  series(row: number): SeriesWriter {
    this.#checkRow(row);
    let writer = this.#writers.get(row);
    if (writer === undefined) {
      writer = new SeriesWriter(this.f64, this.#table, this.#layout.cells / 8 + row * this.shape.cells);
      this.#writers.set(row, writer);
    }
    return writer;
  }

  /** Takes back all that a dead process held, and frees its row. Only when it is surely dead; its counters stay. */
  sweep(row: number): void {
    this.#checkRow(row);
    const high = Atomics.load(this.i32, HEADER.itemsHigh);
    for (let item = 0; item < high; item += 1) {
      const at = this.#ledgerAt(item, row);
      if (Atomics.load(this.i32, at) !== 0) Atomics.store(this.i32, at, 0);
    }
    this.slots.free(row);
  }

  readSeries(): SeriesReading[] {
    this.#reader ??= new SeriesReader(this.i32, this.f64, this.#table, this.#layout, this.shape);
    return this.#reader.read();
  }

  /** What all rows hold of an item. For a moment it may be above a cap, see ledger.ts. */
  ledgerSum(item: number): number {
    let total = 0;
    for (let row = 0; row < this.shape.rows; row += 1) total += this.ledgerOf(item, row);
    return total;
  }

  ledgerOf(item: number, row: number): number {
    return Atomics.load(this.i32, this.#ledgerAt(item, row));
  }

  /** Index into `i32` of the item's two shared lines: 16 words that are rarely written, then 16 that change with requests. */
  itemLine(item: number): number {
    return this.items.line(item);
  }

  /** Unmaps; later access through any view throws or reads nothing. The file stays for the others. */
  close(): void {
    this.#mapped?.close();
  }

  /** Removes the file's name, unless another segment has taken it. Those who are attached keep what they see. */
  unlink(): void {
    this.#mapped?.unlink();
  }

  #ledgerAt(item: number, row: number): number {
    return this.#layout.ledger / 4 + item * this.#layout.ledgerStride + row;
  }

  #checkRow(row: number): void {
    if (!Number.isInteger(row) || row < 0 || row >= this.shape.rows) {
      throw new InvariantError(`row ${row} is outside the ${this.shape.rows} rows of the control segment`);
    }
  }
}

/** The shape of a segment file, or OperatorError with what was found and what was expected. */
function checkHeader(path: string, header: Int32Array, fileBytes: number): SegmentShape {
  const remedy = 'Stop the Weir that made it, or remove the file if none runs.';
  if (fileBytes < HEADER_BYTES) {
    throw new OperatorError(`${path} is cut short: ${fileBytes} bytes, and a header has ${HEADER_BYTES}. ${remedy}`);
  }
  if (header[HEADER.magic] !== MAGIC) {
    throw new OperatorError(
      `${path} is not a control segment of Weir: it begins with ${hex(header[HEADER.magic]!)} instead of ${hex(MAGIC)}.`,
    );
  }
  if (header[HEADER.version] !== LAYOUT_VERSION) {
    throw new OperatorError(
      `${path} has layout version ${header[HEADER.version]}, and this Weir speaks version ${LAYOUT_VERSION}. ${remedy}`,
    );
  }
  if (header[HEADER.layoutHash] !== layoutHash()) {
    throw new OperatorError(
      `${path} has layout hash ${hex(header[HEADER.layoutHash]!)}, and this Weir has ${hex(layoutHash())}, both under ` +
        `version ${LAYOUT_VERSION}: they are different builds. ${remedy}`,
    );
  }
  if (header[HEADER.ready] !== 1) {
    throw new OperatorError(`${path} was never finished (state ${header[HEADER.ready]} instead of 1). ${remedy}`);
  }
  const shape = readShape(header);
  const fault = shapeFault(shape);
  if (fault !== null) throw new OperatorError(`${path} is damaged: its header says ${fault}. ${remedy}`);
  const { bytes } = layoutOf(shape);
  if (fileBytes !== bytes || header[HEADER.lines]! * LINE_BYTES !== bytes) {
    throw new OperatorError(`${path} has ${fileBytes} bytes, and its header describes ${bytes}. ${remedy}`);
  }
  return shape;
}

function hex(word: number): string {
  return `0x${(word >>> 0).toString(16).padStart(8, '0')}`;
}
