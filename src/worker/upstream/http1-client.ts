// One keep-alive HTTP/1.1 connection to an endpoint, as a Dispatcher that undici's Pool drives through its factory:
// one request at a time, connecting when there is one. It writes head and small body in one write and reads into one
// buffer that it uses again, which is what makes a proxied request cheap; the Pool, its queue and its events stay
// undici's.
//
//   dispatch → (connect →) write → read* → responseEnd → 'drain' (the Pool may use it again)
//                  └─ 'connectionError': the Pool drops it      └─ closed, broken or idle too long: connects anew
import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { monotonicMs } from '../../shared/clock.ts';
import { BodyWriter } from './body-writer.ts';
import { ResponseReader, type ResponseSink } from './response-reader.ts';
import { ResponseSyntaxError } from './response-syntax.ts';

/** What a request must bring; a subset of undici's DispatchOptions. Checked by the exchange, not again here. */
export interface Http1Request {
  method: string;
  /** origin-form, visible ASCII only */
  path: string;
  /** flat [name, value…], Host included, framing excluded but for the Content-Length of a stream */
  headers: string[];
  body: Buffer | Readable | null;
  /** not on a connection that has carried requests: the last try on one died unanswered */
  fresh: boolean;
}

/** The part of undici's DispatchHandler that is called, in its order. */
export interface Http1Handler {
  onRequestStart(controller: Http1Controller, context: null): void;
  onResponseStart(controller: Http1Controller, status: number, headers: null, statusText: string): void;
  onResponseData(controller: Http1Controller, chunk: Buffer): void;
  onResponseEnd(controller: Http1Controller, trailers: null): void;
  onResponseError(controller: Http1Controller | null, error: Error): void;
}

export interface Http1Controller {
  /** of the answer, flat */
  readonly rawHeaders: string[];
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
  /** the chunk that is being delivered will be used after the call returns */
  keepBuffer(): void;
}

export interface Http1Options {
  host: string;
  port: number;
  connectTimeoutMs: number;
  /** a connection that was idle for longer is not used again, unless the peer announced another time */
  idleMs: number;
}

/** A body up to this leaves in the same write as the head. */
const JOINED_BYTES = 16_384;
/** A connection reads into so much until an answer fills it; then into the large one while the answer lasts. */
const SMALL_BUFFER = 8192;
const LARGE_BUFFER = 65_536;
const NOTHING = Buffer.alloc(0);
/** Whatever the peer announces. */
const MAX_IDLE_MS = 60_000;

/** The connection ended before or within an answer. `code` is stable. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
  readonly code = 'WEIR_CONNECTION_LOST';
  /** nothing of an answer had come, on a connection that had carried requests before: the peer was closing it already */
  readonly stale: boolean;
  constructor(stale: boolean) {
    super('the upstream closed the connection');
    this.stale = stale;
  }
}

class ConnectTimeoutError extends Error {
  override readonly name = 'ConnectTimeoutError';
  readonly code = 'WEIR_CONNECT_TIMEOUT';
}

class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
  readonly code = 'WEIR_CLIENT_GONE';
}

export class Http1Client extends EventEmitter implements ResponseSink, Http1Controller {
  closed = false;
  destroyed = false;
  rawHeaders: string[] = [];
  readonly #origin: URL;
  readonly #options: Http1Options;
  readonly #reader = new ResponseReader(this);
  #socket: Socket | null = null;
  #connected = false;
  #connectTimer: NodeJS.Timeout | null = null;
  #request: Http1Request | null = null;
  #handler: Http1Handler | null = null;
  /** the request's body has been handed to the socket whole */
  #bodySent = true;
  #anyByte = false;
  #served = 0;
  #idleSinceMs = 0;
  #idleMs: number;
  #paused = false;
  /** none while there is no socket: a Pool keeps its clients after a peak */
  #buffer: Buffer = NOTHING;
  #bufferKept = false;
  #bufferSize = SMALL_BUFFER;
  #closing: (() => void)[] = [];

  constructor(origin: URL, options: Http1Options) {
    super();
    this.#origin = origin;
    this.#options = options;
    this.#idleMs = options.idleMs;
  }

  // ── the Dispatcher's side ──────────────────────────────────────────────────────────────────────────────────────

  /** @returns false: it is busy now, 'drain' follows. The Pool does not dispatch to a busy client. */
  dispatch(request: Http1Request, handler: Http1Handler): boolean {
    if (this.closed || this.destroyed || this.#handler !== null) {
      handler.onResponseError(null, new ClientGoneError('the connection takes no requests'));
      return this.#handler === null;
    }
    this.#request = request;
    this.#handler = handler;
    if (this.#socket !== null && (request.fresh || monotonicMs() - this.#idleSinceMs > this.#idleMs)) this.#drop();
    // before there is a connection: it can be given up while it is being made
    handler.onRequestStart(this, null);
    if (this.#handler === null) return true;
    if (this.#socket === null) this.#connect();
    else this.#begin();
    // answered or refused within the call: free again, and no 'drain' will come
    return this.#handler === null;
  }

  /** Takes no more requests, finishes the one it has, then closes its socket. */
  close(done?: () => void): Promise<void> {
    this.closed = true;
    const closed = new Promise<void>((resolve) => this.#closing.push(resolve));
    if (done !== undefined) closed.then(done);
    if (this.#handler === null) this.#settleClose();
    return closed;
  }

  destroy(error?: Error | null): Promise<void> {
    if (!this.destroyed) {
      this.destroyed = true;
      this.closed = true;
      this.#fail(error ?? new ClientGoneError('the pool was destroyed'));
      this.#settleClose();
    }
    return Promise.resolve();
  }

  #settleClose(): void {
    this.#drop();
    for (const resolve of this.#closing) resolve();
    this.#closing = [];
  }

  /** Closes the socket if it has been idle for too long; called by the pool's sweep. */
  sweep(nowMs: number): void {
    if (this.#handler === null && this.#socket !== null && nowMs - this.#idleSinceMs > this.#idleMs) this.#drop();
  }

  // ── the socket ─────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    const { host, port, connectTimeoutMs } = this.#options;
    const socket: Socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (count, buffer): boolean => this.#onRead(socket, count, buffer as Buffer),
      },
    });
    this.#socket = socket;
    this.#connected = false;
    this.#served = 0;
    this.#connectTimer = setTimeout(() => {
      this.#connectFailed(new ConnectTimeoutError('the upstream did not accept in time'));
    }, connectTimeoutMs);
    socket.on('connect', () => {
      clearTimeout(this.#connectTimer!);
      this.#connectTimer = null;
      this.#connected = true;
      this.emit('connect', this.#origin, [this]);
      if (this.#handler !== null) this.#begin();
    });
    socket.on('error', (error: Error) => this.#onSocketError(socket, error));
    socket.on('end', () => this.#onEnd(socket));
    socket.on('close', () => this.#onClose(socket));
  }

  #connectFailed(error: Error): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#request = null;
    this.#drop();
    // the Pool retires a client on this event; it must not find it busy
    this.emit('connectionError', this.#origin, [this], error);
    handler?.onResponseError(null, error);
  }

  /** Forgets the socket: its later events concern nobody. */
  #drop(): void {
    if (this.#connectTimer !== null) clearTimeout(this.#connectTimer);
    this.#connectTimer = null;
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    this.#reader.stop();
    this.#buffer = NOTHING;
    socket.destroy();
  }

  #nextBuffer(): Buffer {
    if (this.#bufferKept || this.#buffer.length !== this.#bufferSize) {
      this.#bufferKept = false;
      this.#buffer = Buffer.allocUnsafeSlow(this.#bufferSize);
    }
    return this.#buffer;
  }

  #onRead(socket: Socket, count: number, buffer: Buffer): boolean {
    if (socket !== this.#socket) return false;
    this.#anyByte = true;
    if (count === buffer.length) this.#bufferSize = LARGE_BUFFER;
    try {
      this.#reader.read(count === buffer.length ? buffer : buffer.subarray(0, count));
    } catch (error) {
      this.#broken(error as Error);
      return false;
    }
    return !this.#paused;
  }

  #onSocketError(socket: Socket, error: Error): void {
    if (socket !== this.#socket) return;
    if (!this.#connected) this.#connectFailed(error);
    else this.#lost();
  }

  #onEnd(socket: Socket): void {
    if (socket !== this.#socket) return;
    if (this.#handler !== null && this.#reader.ended()) return;
    this.#lost();
  }

  #onClose(socket: Socket): void {
    if (socket === this.#socket) this.#lost();
  }

  #lost(): void {
    // within a head it is no HTTP; within a body the handler knows by itself
    if (this.#anyByte) this.#broken(new ResponseSyntaxError('the answer ends within itself'));
    else this.#broken(new ConnectionLostError(this.#served > 0));
  }

  #broken(error: Error): void {
    this.#drop();
    this.#fail(error);
    this.#free();
  }

  #fail(error: Error): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#release();
    handler?.onResponseError(this, error);
  }

  /** Tells the Pool that it may dispatch again. */
  #free(): void {
    if (this.closed) this.#settleClose();
    else this.emit('drain', this.#origin, [this]);
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  #begin(): void {
    const request = this.#request!;
    const socket = this.#socket!;
    this.#anyByte = false;
    this.#paused = false;
    this.#reader.expect(request.method === 'HEAD');
    const body = request.body;
    const head = headOf(request, body);
    if (body === null) {
      socket.write(head, 'latin1');
    } else if (Buffer.isBuffer(body)) {
      if (body.length <= JOINED_BYTES) {
        socket.write(head + body.toString('latin1'), 'latin1');
      } else {
        socket.cork();
        socket.write(head, 'latin1');
        socket.write(body);
        socket.uncork();
      }
    } else {
      socket.write(head, 'latin1');
      this.#bodySent = false;
      new BodyWriter(socket, body, lengthOf(request), this.#onBodySent, this.#onBodyFailed);
    }
  }

  readonly #onBodySent = (): void => {
    this.#bodySent = true;
  };

  readonly #onBodyFailed = (error: Error): void => {
    if (this.#handler !== null) this.#broken(error);
  };

  #release(): void {
    const body = this.#request?.body;
    this.#request = null;
    if (body != null && !Buffer.isBuffer(body)) body.destroy();
  }

  // ── the controller's side ──────────────────────────────────────────────────────────────────────────────────────

  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket?.resume();
  }

  abort(error: Error): void {
    if (this.#handler !== null) this.#broken(error);
  }

  keepBuffer(): void {
    this.#bufferKept = true;
  }

  // ── the reader's side ──────────────────────────────────────────────────────────────────────────────────────────

  responseHead(status: number, fields: string[], statusText: string): void {
    this.rawHeaders = fields;
    this.#handler?.onResponseStart(this, status, null, statusText);
  }

  responseData(chunk: Buffer): void {
    this.#handler?.onResponseData(this, chunk);
  }

  responseEnd(reusable: boolean): void {
    const handler = this.#handler;
    if (handler === null) return;
    this.#handler = null;
    this.#served += 1;
    this.#bufferSize = SMALL_BUFFER;
    this.#idleSinceMs = monotonicMs();
    const announced = this.#reader.keepAliveSeconds;
    // a second early: the peer's clock began when it sent the answer
    this.#idleMs = announced < 0 ? this.#options.idleMs : Math.min((announced - 1) * 1000, MAX_IDLE_MS);
    // an answer before the end of the request: the rest of the body would be read as the next request
    if (!reusable || !this.#bodySent) this.#drop();
    this.#bodySent = true;
    this.#release();
    // back-pressure with the last bytes was that answer's: the next one must not wait for its reader
    if (this.#paused) this.resume();
    handler.onResponseEnd(this, null);
    this.#free();
  }
}

function headOf(request: Http1Request, body: Buffer | Readable | null): string {
  const { method, headers } = request;
  let head = `${method} ${request.path} HTTP/1.1\r\n`;
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  if (body === null) {
    // RFC 9110 section 8.6: a method that could have had a body says that it has none
    if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE' && method !== 'OPTIONS')
      head += 'content-length: 0\r\n';
  } else if (Buffer.isBuffer(body)) head += `content-length: ${body.length}\r\n`;
  else if (lengthOf(request) < 0) head += 'transfer-encoding: chunked\r\n';
  return `${head}connection: keep-alive\r\n\r\n`;
}

/** What the fields say of a streamed body; -1: chunked. */
function lengthOf(request: Http1Request): number {
  const { headers } = request;
  // the exchange adds it last
  for (let at = headers.length - 2; at >= 0; at -= 2)
    if (headers[at] === 'content-length') return Number(headers[at + 1]);
  return -1;
}
