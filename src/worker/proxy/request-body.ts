// A request's body on its way to the upstream. Small ones of known length are gathered whole: they go out in one write
// with the head, and can be sent again. Everything else streams with back-pressure and is counted against the limit.
import { Readable } from 'node:stream';
import type { BodyReader, Front } from './front.ts';

/** Bodies up to this are gathered, and so can be replayed on another endpoint. */
export const REPLAYABLE_BYTES = 65_536;

/** Marks the error with which a stream ends that outgrew max_body_bytes. */
export const BODY_TOO_LARGE = 'WEIR_BODY_TOO_LARGE';

/** Collects a body of known length; `gathered` gets all of it. */
export class GatheredBody implements BodyReader {
  readonly #gathered: (body: Buffer) => void;
  #first: Buffer | null = null;
  #parts: Buffer[] | null = null;

  constructor(gathered: (body: Buffer) => void) {
    this.#gathered = gathered;
  }

  bodyData(chunk: Buffer): void {
    if (this.#first === null) {
      this.#first = chunk;
      return;
    }
    this.#parts ??= [this.#first];
    this.#parts.push(chunk);
  }

  bodyEnd(): void {
    this.#gathered(this.#parts === null ? (this.#first ?? Buffer.alloc(0)) : Buffer.concat(this.#parts));
  }

  /** The exchange hears of it by the end of its front. */
  bodyCut(): void {}
}

/**
 * The body as a stream that has not touched the request until it is first read: an attempt that never got a connection
 * leaves the body whole for the next one.
 */
export class StreamedBody extends Readable implements BodyReader {
  readonly #front: Front;
  readonly #maxBytes: number;
  #received = 0;
  #touched = false;

  constructor(front: Front, maxBytes: number) {
    super({ highWaterMark: REPLAYABLE_BYTES });
    this.#front = front;
    this.#maxBytes = maxBytes;
  }

  /** Something of the body was taken from the client: it cannot be sent again. */
  get touched(): boolean {
    return this.#touched;
  }

  override _read(): void {
    if (this.#touched) {
      this.#front.resumeBody();
      return;
    }
    this.#touched = true;
    this.#front.readBody(this);
  }

  bodyData(chunk: Buffer): void {
    if (this.destroyed) return;
    this.#received += chunk.length;
    if (this.#received > this.#maxBytes) {
      this.destroy(Object.assign(new Error('request body above max_body_bytes'), { code: BODY_TOO_LARGE }));
    } else if (!this.push(chunk)) {
      this.#front.pauseBody();
    }
  }

  bodyEnd(): void {
    if (!this.destroyed) this.push(null);
  }

  bodyCut(): void {
    this.destroy(Object.assign(new Error('the client left within its body'), { code: 'ECONNRESET' }));
  }
}
