// Sends a streamed request body over an upstream connection, at the pace of both sides: in chunks, or checked against
// the length that was announced. One object per streamed body, made by Http1Client.
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** The body was not as long as its Content-Length; what follows on the connection would be read as a request. */
class BodyLengthError extends Error {
  override readonly name = 'BodyLengthError';
  readonly code = 'WEIR_BODY_LENGTH';
}

export class BodyWriter {
  readonly #socket: Socket;
  readonly #chunked: boolean;
  #remaining: number;
  #done = false;

  /** @param length bytes announced; -1: chunked. @param sent once, when all of it is handed to the socket */
  constructor(socket: Socket, body: Readable, length: number, sent: () => void, failed: (error: Error) => void) {
    this.#socket = socket;
    this.#chunked = length < 0;
    this.#remaining = length;
    const onDrain = (): void => {
      body.resume();
    };
    socket.on('drain', onDrain);
    const finish = (error: Error | null): void => {
      if (this.#done) return;
      this.#done = true;
      socket.off('drain', onDrain);
      if (error === null) sent();
      else failed(error);
    };
    body.on('data', (chunk: Buffer) => {
      if (this.#done) return;
      if (!this.#chunked && chunk.length > this.#remaining) finish(new BodyLengthError('more body than announced'));
      else if (!this.#write(chunk)) body.pause();
    });
    body.on('end', () => {
      if (this.#done) return;
      if (this.#chunked) socket.write('0\r\n\r\n', 'latin1');
      finish(!this.#chunked && this.#remaining > 0 ? new BodyLengthError('less body than announced') : null);
    });
    body.on('error', finish);
    body.on('close', () => {
      this.#done = true;
      socket.off('drain', onDrain);
    });
  }

  #write(chunk: Buffer): boolean {
    if (!this.#chunked) {
      this.#remaining -= chunk.length;
      return this.#socket.write(chunk);
    }
    this.#socket.cork();
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.#socket.write(chunk);
    const more = this.#socket.write('\r\n', 'latin1');
    this.#socket.uncork();
    return more;
  }
}
