// One HTTP/1.1 request and its answer, as the exchange sees them: the body as it comes, the answer framed and written
// in as few writes as can be. Made by a connection for each head that it reads.
import { type BodyReader, type Front, type FrontOwner, NO_BODY, UNKNOWN_LENGTH } from '../proxy/front.ts';
import { answerHead } from './answer-head.ts';
import type { Connection } from './connection.ts';

export class Http1Front implements Front {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly #connection: Connection;
  readonly http11: boolean;
  readonly #keepAlive: boolean;
  bodyComplete = false;
  #owner: FrontOwner | null = null;
  #reader: BodyReader | null = null;
  /** body bytes that came before anybody asked for them: at most one read's worth */
  #early: Buffer[] | null = null;
  /** a head that has not left yet; '' once it has */
  #pendingHead = '';
  #chunked = false;
  #untilClose = false;
  #close = false;
  #done = false;

  constructor(
    connection: Connection,
    method: string,
    target: string,
    rawHeaders: string[],
    http11: boolean,
    keepAlive: boolean,
  ) {
    this.#connection = connection;
    this.method = method;
    this.target = target;
    this.rawHeaders = rawHeaders;
    this.http11 = http11;
    this.#keepAlive = keepAlive;
  }

  get peer(): string {
    return this.#connection.peer;
  }

  get proto(): 'http' | 'https' {
    return 'http';
  }

  setOwner(owner: FrontOwner): void {
    this.#owner = owner;
  }

  // ── the body ───────────────────────────────────────────────────────────────────────────────────────────────────

  bodyArrived(chunk: Buffer): void {
    if (this.#done) return;
    if (this.#reader !== null) {
      this.#reader.bodyData(chunk);
      return;
    }
    this.#early ??= [];
    this.#early.push(chunk);
    this.#connection.pauseBody(this);
  }

  bodyEnded(): void {
    this.bodyComplete = true;
    if (!this.#done) this.#reader?.bodyEnd();
  }

  bodyLost(): void {
    if (!this.#done) this.#reader?.bodyCut();
  }

  readBody(reader: BodyReader): void {
    this.#reader = reader;
    const early = this.#early;
    this.#early = null;
    if (early !== null) {
      for (const chunk of early) reader.bodyData(chunk);
    }
    if (this.bodyComplete) reader.bodyEnd();
    else this.#connection.resumeBody(this);
  }

  pauseBody(): void {
    this.#connection.pauseBody(this);
  }

  resumeBody(): void {
    this.#connection.resumeBody(this);
  }

  sendContinue(): void {
    // HTTP/1.0 has no interim answers (RFC 9110 section 10.1.1)
    if (this.http11 && !this.bodyComplete && this.#early === null)
      this.#connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  // ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────

  sendHead(status: number, statusText: string, fields: readonly string[], length: number, close: boolean): void {
    this.#pendingHead = this.#head(status, statusText, fields, length, close);
  }

  flush(): void {
    if (this.#pendingHead === '') return;
    this.#connection.socket.write(this.#takeHead(), 'latin1');
  }

  #takeHead(): string {
    const head = this.#pendingHead;
    this.#pendingHead = '';
    return head;
  }

  #head(status: number, statusText: string, fields: readonly string[], length: number, close: boolean): string {
    const { owner } = this.#connection;
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the body
    this.#chunked = length === UNKNOWN_LENGTH && this.http11;
    this.#untilClose = length === UNKNOWN_LENGTH && !this.http11;
    this.#close = close || !this.#keepAlive || owner.leaving || this.#untilClose;
    let head = answerHead(status, statusText, fields);
    if (length >= 0) head += `content-length: ${length}\r\n`;
    else if (this.#chunked) head += 'transfer-encoding: chunked\r\n';
    if (this.#close) return `${head}connection: close\r\n\r\n`;
    return `${head}connection: keep-alive\r\nkeep-alive: timeout=${owner.keepAliveSeconds}\r\n\r\n`;
  }

  write(chunk: Buffer): boolean {
    const { socket } = this.#connection;
    let before = this.#takeHead();
    if (this.#chunked) before += `${chunk.length.toString(16)}\r\n`;
    let room: boolean;
    if (before === '') {
      room = socket.write(chunk);
    } else {
      // one writev for the three
      socket.cork();
      socket.write(before, 'latin1');
      room = socket.write(chunk);
      if (this.#chunked) room = socket.write('\r\n', 'latin1');
      socket.uncork();
    }
    if (!room) this.#connection.waitForDrain();
    return room;
  }

  end(): void {
    let rest = this.#takeHead();
    if (this.#chunked) rest += '0\r\n\r\n';
    if (rest !== '') this.#connection.socket.write(rest, 'latin1');
    this.#whole();
  }

  sendWhole(status: number, statusText: string, fields: readonly string[], body: string, close: boolean): void {
    const bodiless = status === 204 || status === 304;
    const head = this.#head(status, statusText, fields, bodiless ? NO_BODY : body.length, close);
    this.#connection.socket.write(this.method === 'HEAD' || bodiless ? head : head + body, 'latin1');
    this.#whole();
  }

  /** Everything was handed to the socket; the exchange ends when the kernel has taken it. */
  #whole(): void {
    const { socket } = this.#connection;
    if (socket.writableLength === 0) this.#finish();
    // an error is followed by the connection's close, which says that it was not whole
    else socket.write('', (error) => error == null && this.#finish());
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    const owner = this.#owner;
    this.#connection.answered(this.#close);
    owner?.frontClosed(true);
  }

  cut(): void {
    const { socket } = this.#connection;
    // where the end of the connection ends the body, an orderly end would pass for the whole of it
    if (this.#untilClose) socket.resetAndDestroy();
    else socket.destroy();
  }

  drained(): void {
    this.#owner?.frontDrained();
  }

  /** The connection is gone. */
  lost(): void {
    if (this.#done) return;
    this.#done = true;
    if (!this.bodyComplete) this.#reader?.bodyCut();
    this.#owner?.frontClosed(false);
  }
}
