// A request's body on its way to the upstream. Small ones of known length are gathered whole: they go out in one write
// with the head, and can be sent again. Everything else streams with back-pressure and is counted against the limit.
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** Bodies up to this are gathered, and so can be replayed on another endpoint. */
export const REPLAYABLE_BYTES = 65_536;

/** Marks the error with which a stream ends that outgrew max_body_bytes. */
export const BODY_TOO_LARGE = 'WEIR_BODY_TOO_LARGE';

/** Collects a body of known length. `gathered` gets all of it; a client that leaves first is seen by the response's close. */
export function gatherBody(request: IncomingMessage, length: number, gathered: (body: Buffer) => void): void {
  let first: Buffer | null = null;
  let parts: Buffer[] | null = null;
  let received = 0;
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (first === null) first = chunk;
    else {
      parts ??= [first];
      parts.push(chunk);
    }
  });
  request.on('end', () => {
    if (received === length) gathered(parts === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(parts, received));
  });
}

/**
 * The body as a stream that has not touched the request until it is first read: an attempt that never got a connection
 * leaves the body whole for the next one.
 */
export class StreamedBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #maxBytes: number;
  #received = 0;
  #attached = false;

  constructor(request: IncomingMessage, maxBytes: number) {
    super({ highWaterMark: REPLAYABLE_BYTES });
    this.#request = request;
    this.#maxBytes = maxBytes;
  }

  /** Something of the body was taken from the client: it cannot be sent again. */
  get touched(): boolean {
    return this.#attached;
  }

  override _read(): void {
    if (!this.#attached) {
      this.#attached = true;
      this.#request.on('data', this.#onData);
      this.#request.on('end', this.#onEnd);
      this.#request.on('close', this.#onClose);
    }
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#attached) {
      this.#request.off('data', this.#onData);
      this.#request.off('end', this.#onEnd);
      this.#request.off('close', this.#onClose);
      this.#request.pause();
    }
    done(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    if (this.#received > this.#maxBytes) {
      this.destroy(Object.assign(new Error('request body above max_body_bytes'), { code: BODY_TOO_LARGE }));
      return;
    }
    if (!this.push(chunk)) this.#request.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };

  readonly #onClose = (): void => {
    if (!this.#request.complete) this.destroy(Object.assign(new Error('client left'), { code: 'ECONNRESET' }));
  };
}
