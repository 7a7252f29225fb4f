// Reads HTTP/1.1 answers from the bytes of one upstream connection: a strict parser that refuses what two readers could
// read in two ways (RFC 9112 sections 4 to 7) instead of repairing it. Fed by Http1Client with whatever one read
// brought; a whole small answer is read in one call without copying or keeping anything.

import {
  CR,
  checkStart,
  findCrLf,
  hexDigit,
  LF,
  ResponseSyntaxError,
  readFields,
  readLength,
  readStatus,
  STATUS_START,
} from './response-syntax.ts';

/** What the reader found, in this order: head, data*, end. Interim (1xx) answers are not shown. */
export interface ResponseSink {
  /** @param fields flat [name, value…] as received, OWS trimmed */
  responseHead(status: number, fields: string[], statusText: string): void;
  /** @param chunk a view of the bytes given to `read`: valid until that call returns unless `keepBuffer` is called */
  responseData(chunk: Buffer): void;
  /** @param reusable the connection may carry another request */
  responseEnd(reusable: boolean): void;
}

const MAX_HEAD_BYTES = 65_536;
const MAX_INTERIM = 32;
const MAX_CHUNK_LINE_BYTES = 4096;

const HEAD = 0;
const LENGTH_BODY = 1;
const CLOSE_BODY = 2;
const CHUNK_SIZE = 3;
const CHUNK_DATA = 4;
const CHUNK_CRLF = 5;
const TRAILER = 6;
const IDLE = 7;
type State =
  | typeof HEAD
  | typeof LENGTH_BODY
  | typeof CLOSE_BODY
  | typeof CHUNK_SIZE
  | typeof CHUNK_DATA
  | typeof CHUNK_CRLF
  | typeof TRAILER
  | typeof IDLE;

const NOTHING = Buffer.alloc(0);

export class ResponseReader {
  readonly #sink: ResponseSink;
  #state: State = IDLE;
  /** bytes of a head, chunk line or trailer that the last reads left unfinished; grows by doubling */
  #rest: Buffer = NOTHING;
  #restLength = 0;
  /** of an unfinished head: so many bytes have no end in them. A peer that drips must not cost a search of all of it */
  #searched = 0;
  #headless = false;
  #interim = 0;
  #remaining = 0;
  #reusable = false;
  #trailerBytes = 0;
  /** given up from within a call of the sink: what is left of this read belongs to nobody */
  #stopped = false;
  /** seconds that the last answer's `Keep-Alive: timeout=` gave the connection; -1: it said nothing */
  keepAliveSeconds = -1;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** A request was written: the next bytes are its answer. @param bodiless it was HEAD */
  expect(bodiless: boolean): void {
    this.#stopped = false;
    this.#state = HEAD;
    this.#headless = bodiless;
    this.#interim = 0;
    this.#restLength = 0;
    this.#searched = 0;
  }

  /** The connection is gone: nothing more is shown to the sink, not even of the bytes that are being read right now. */
  stop(): void {
    this.#stopped = true;
    this.#state = IDLE;
    this.#restLength = 0;
  }

  /**
   * One read's worth of bytes. Calls the sink synchronously.
   * @throws ResponseSyntaxError; the connection must then be destroyed
   */
  read(bytes: Buffer): void {
    const buffer = this.#restLength === 0 ? bytes : this.#append(bytes);
    let at = 0;
    while (at < buffer.length) {
      const next = this.#step(buffer, at);
      if (this.#stopped) return;
      if (next < 0) return this.#keep(buffer, at);
      at = next;
    }
    this.#restLength = 0;
  }

  /** The peer closed its side. @returns true when that was the proper end of an answer */
  ended(): boolean {
    if (this.#state !== CLOSE_BODY) return this.#state === IDLE;
    this.#state = IDLE;
    this.#sink.responseEnd(false);
    return true;
  }

  /** @returns where to go on, or -1 when the element is not whole yet */
  #step(buffer: Buffer, at: number): number {
    switch (this.#state) {
      case HEAD:
        return this.#head(buffer, at);
      case LENGTH_BODY:
        return this.#lengthBody(buffer, at);
      case CLOSE_BODY:
        this.#sink.responseData(at === 0 ? buffer : buffer.subarray(at));
        return buffer.length;
      case CHUNK_SIZE:
        return this.#chunkSize(buffer, at);
      case CHUNK_DATA:
        return this.#chunkData(buffer, at);
      case CHUNK_CRLF:
        return this.#chunkEnd(buffer, at);
      case TRAILER:
        return this.#trailer(buffer, at);
      case IDLE:
        throw new ResponseSyntaxError('bytes that no request asked for');
    }
  }

  #keep(buffer: Buffer, at: number): void {
    const limit = this.#state === HEAD ? MAX_HEAD_BYTES : MAX_CHUNK_LINE_BYTES;
    if (buffer.length - at > limit) throw new ResponseSyntaxError('an element of the answer is longer than allowed');
    if (at === 0 && this.#restLength > 0) {
      this.#restLength = buffer.length;
      return;
    }
    // a copy, and a new one: the read buffer is used again, and a consumer may hold parts of the last copy
    this.#rest = Buffer.from(buffer.subarray(at));
    this.#restLength = this.#rest.length;
  }

  #append(bytes: Buffer): Buffer {
    const length = this.#restLength + bytes.length;
    if (length > this.#rest.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#rest.length * 2));
      this.#rest.copy(larger, 0, 0, this.#restLength);
      this.#rest = larger;
    }
    bytes.copy(this.#rest, this.#restLength);
    return this.#rest.subarray(0, length);
  }

  // ── head ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #head(buffer: Buffer, at: number): number {
    const end = buffer.indexOf('\r\n\r\n', at + Math.max(0, this.#searched - 3), 'latin1');
    if (end < 0) {
      if (this.#searched < STATUS_START.length) checkStart(buffer, at);
      this.#searched = buffer.length - at;
      return -1;
    }
    this.#searched = 0;
    if (end - at > MAX_HEAD_BYTES) throw new ResponseSyntaxError('head longer than allowed');
    const head = buffer.toString('latin1', at, end);
    const lineEnd = head.indexOf('\r\n');
    const statusLine = lineEnd < 0 ? head : head.slice(0, lineEnd);
    const status = readStatus(statusLine);
    const fields: string[] = [];
    if (lineEnd >= 0) readFields(head, lineEnd + 2, fields);
    const after = end + 4;
    if (status < 200) {
      if (status === 101) throw new ResponseSyntaxError('101 without an upgrade');
      this.#interim += 1;
      if (this.#interim > MAX_INTERIM) throw new ResponseSyntaxError('too many interim answers');
      return after;
    }
    this.#frame(status, statusLine.charCodeAt(7) === 49, fields);
    this.#sink.responseHead(status, fields, statusLine.length > 13 ? statusLine.slice(13) : '');
    if (this.#state === LENGTH_BODY && this.#remaining === 0) return this.#finish(buffer, after);
    return after;
  }

  /** RFC 9112 section 6.3, strict where it allows choices. */
  #frame(status: number, http11: boolean, fields: readonly string[]): void {
    let length = -1;
    let chunked = false;
    let close = !http11;
    this.keepAliveSeconds = -1;
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!;
      const size = name.length;
      if (size !== 14 && size !== 17 && size !== 10) continue;
      const value = fields[at + 1]!;
      const lower = name.toLowerCase();
      if (lower === 'content-length') {
        const announced = readLength(value);
        if (length >= 0 && length !== announced) throw new ResponseSyntaxError('two values of Content-Length');
        length = announced;
      } else if (lower === 'transfer-encoding') {
        if (chunked || value.toLowerCase() !== 'chunked') throw new ResponseSyntaxError('unknown Transfer-Encoding');
        chunked = true;
      } else if (lower === 'connection') {
        const options = value.toLowerCase();
        if (options.includes('close')) close = true;
        else if (options.includes('keep-alive') && !http11) close = false;
      } else if (lower === 'keep-alive') {
        const announced = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(value);
        if (announced !== null) this.keepAliveSeconds = Number(announced[1]);
      }
    }
    if (chunked && (length >= 0 || !http11)) throw new ResponseSyntaxError('two framings in one answer');
    this.#reusable = !close;
    if (this.#headless || status === 204 || status === 304) {
      this.#state = LENGTH_BODY;
      this.#remaining = 0;
    } else if (chunked) {
      this.#state = CHUNK_SIZE;
      this.#trailerBytes = 0;
    } else if (length >= 0) {
      this.#state = LENGTH_BODY;
      this.#remaining = length;
    } else {
      this.#state = CLOSE_BODY;
    }
  }

  // ── bodies ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #lengthBody(buffer: Buffer, at: number): number {
    const end = Math.min(buffer.length, at + this.#remaining);
    this.#remaining -= end - at;
    this.#sink.responseData(buffer.subarray(at, end));
    return this.#remaining === 0 ? this.#finish(buffer, end) : end;
  }

  #chunkSize(buffer: Buffer, at: number): number {
    const lineEnd = findCrLf(buffer, at);
    if (lineEnd < 0) return -1;
    let size = 0;
    let digits = 0;
    let cursor = at;
    for (; cursor < lineEnd; cursor++) {
      const digit = hexDigit(buffer[cursor]!);
      if (digit < 0) break;
      size = size * 16 + digit;
      digits += 1;
    }
    // 12 digits are 256 TiB: beyond any body, within what a number holds exactly
    if (digits === 0 || digits > 12) throw new ResponseSyntaxError('bad chunk size');
    if (cursor < lineEnd && buffer[cursor] !== 59) throw new ResponseSyntaxError('bad chunk size');
    for (; cursor < lineEnd; cursor++)
      if (buffer[cursor]! < 32 && buffer[cursor] !== 9) throw new ResponseSyntaxError('bad chunk extension');
    this.#remaining = size;
    this.#state = size === 0 ? TRAILER : CHUNK_DATA;
    return lineEnd + 2;
  }

  #chunkData(buffer: Buffer, at: number): number {
    const end = Math.min(buffer.length, at + this.#remaining);
    this.#remaining -= end - at;
    if (this.#remaining === 0) this.#state = CHUNK_CRLF;
    this.#sink.responseData(buffer.subarray(at, end));
    return end;
  }

  #chunkEnd(buffer: Buffer, at: number): number {
    if (buffer[at] !== CR) throw new ResponseSyntaxError('chunk longer than its size');
    if (at + 1 >= buffer.length) return -1;
    if (buffer[at + 1] !== LF) throw new ResponseSyntaxError('chunk longer than its size');
    this.#state = CHUNK_SIZE;
    return at + 2;
  }

  /** Trailers are read for their syntax and dropped: merged into the head they could change its meaning. */
  #trailer(buffer: Buffer, at: number): number {
    const lineEnd = findCrLf(buffer, at);
    if (lineEnd < 0) return -1;
    if (lineEnd === at) return this.#finish(buffer, at + 2);
    this.#trailerBytes += lineEnd - at;
    if (this.#trailerBytes > MAX_HEAD_BYTES) throw new ResponseSyntaxError('trailers longer than allowed');
    readFields(buffer.toString('latin1', at, lineEnd), 0, []);
    return lineEnd + 2;
  }

  /**
   * Bytes after the end of an answer were not asked for: they would be taken for the next request's answer, so they are
   * thrown away together with the connection (RFC 9112 section 9.2).
   */
  #finish(buffer: Buffer, end: number): number {
    if (this.#stopped) return end;
    this.#state = IDLE;
    this.#sink.responseEnd(this.#reusable && end === buffer.length);
    return buffer.length;
  }
}
