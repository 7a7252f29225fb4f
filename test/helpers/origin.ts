// Origins for tests. `startOrigin` is a real node:http server that keeps what it was asked and can be slow, long, cut
// or held; `startRawOrigin` is a bare socket server that keeps every byte as it came and answers whatever it is told
// to. Both listen on 127.0.0.1 and port 0 and take their connections with them when they close.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createSocketServer,
  type Socket,
  type Server as SocketServer,
} from 'node:net';
import { within } from './deadline.ts';

export interface RecordedRequest {
  method: string;
  /** the request target as it came */
  url: string;
  httpVersion: string;
  /** flat name, value list: order, case and repetitions as they came */
  rawHeaders: string[];
  /** all values of a field, by any spelling of its name */
  field(name: string): string[];
  /** what has arrived so far; whole once `complete` */
  body: Buffer;
  trailers: string[];
  /** performance.now() at the arrival of the head */
  atMs: number;
  complete: boolean;
  /** the peer went away before the answer was handed over */
  aborted: boolean;
  /** the peer's port: the same one twice means the same connection */
  peerPort: number;
}

/** Answers one request. By default it is called once the body has arrived, see OriginOptions.early. */
export type OriginHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  recorded: RecordedRequest,
) => void | Promise<void>;

export interface OriginOptions {
  /** call the handler at the head, with the body unread: it reads (or does not read) the body itself */
  early?: boolean;
  /** milliseconds before an idle keep-alive connection is closed; 0 = never (default) */
  keepAliveMs?: number;
  /** default 0 = any */
  port?: number;
}

export interface Origin extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly authority: string;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly server: Server;
  readonly requests: RecordedRequest[];
  /** connections accepted so far */
  readonly connections: number;
  /** connections open now */
  readonly open: number;
  readonly inFlight: number;
  readonly inFlightMax: number;
  /** Resolves with the n-th request (from 1) once its head has arrived. */
  arrived(n: number, ms?: number): Promise<RecordedRequest>;
  /** From now on requests wait before their handler, until `release`. */
  hold(): void;
  /** Lets the held requests go: the oldest `count`, by default all of them and no longer holding. */
  release(count?: number): void;
  /** how many requests are being held */
  readonly held: number;
  /** Another handler for requests that come from now on. */
  answer(handler: OriginHandler): void;
  /** Ends everything, open connections included. Idempotent. */
  close(): Promise<void>;
}

export async function startOrigin(handler: OriginHandler = echo, options: OriginOptions = {}): Promise<Origin> {
  const origin = new HttpOrigin(handler, options);
  await listen(origin.server, options.port ?? 0);
  return origin;
}

/** Default handler: 200 with what was asked, as JSON. */
export function echo(_request: IncomingMessage, response: ServerResponse, recorded: RecordedRequest): void {
  const { method, url, rawHeaders, body } = recorded;
  reply(200, JSON.stringify({ method, url, rawHeaders, body: body.toString('latin1') }), {
    'content-type': 'application/json',
  })(_request, response, recorded);
}

/** A whole answer with Content-Length. */
export function reply(status = 200, body: string | Buffer = '', headers: Record<string, string> = {}): OriginHandler {
  return (_request, response) => {
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers });
    response.end(body);
  };
}

/** `handler`, but `ms` milliseconds later. */
export function delayed(ms: number, handler: OriginHandler = echo): OriginHandler {
  return (request, response, recorded) => {
    const timer = setTimeout(() => handler(request, response, recorded), ms);
    response.once('close', () => clearTimeout(timer));
  };
}

/**
 * 200 with a body of `bytes` bytes of a fixed pattern (see `patternAt`), written with back-pressure.
 * @param framing `length` states Content-Length, `chunked` does not, `close` ends with the connection
 */
export function streamed(bytes: number, framing: 'length' | 'chunked' | 'close' = 'length'): OriginHandler {
  return async (_request, response) => {
    if (framing === 'length') response.setHeader('content-length', bytes);
    if (framing === 'close') {
      response.useChunkedEncodingByDefault = false;
      response.removeHeader('transfer-encoding');
      response.shouldKeepAlive = false;
    }
    response.writeHead(200);
    for (let sent = 0; sent < bytes && !response.destroyed; ) {
      const chunk = pattern(sent, Math.min(65_536, bytes - sent));
      sent += chunk.length;
      if (!response.write(chunk)) await drained(response);
    }
    response.end();
  };
}

/** States `bytes` of body, sends `sent` of them, then cuts the connection: by a reset, or by an orderly end. */
export function cut(bytes: number, sent: number, how: 'reset' | 'end' = 'reset'): OriginHandler {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': String(bytes) });
    response.flushHeaders();
    const go = () => (how === 'reset' ? response.socket?.resetAndDestroy() : response.socket?.end());
    // The callback says that the kernel has the bytes; a reset may still overtake them, so give the peer a turn.
    if (sent === 0) setImmediate(go);
    else response.write(pattern(0, sent), () => setTimeout(go, 20));
  };
}

/** A chunked answer that ends with these trailer fields. */
export function trailing(body: string, trailers: Record<string, string>): OriginHandler {
  return (_request, response) => {
    response.writeHead(200, { trailer: Object.keys(trailers).join(', ') });
    response.write(body);
    response.addTrailers(trailers);
    response.end();
  };
}

/** Bytes `from` to `from + length` of the pattern that `streamed` sends; a shifted or lost byte shows. */
export function pattern(from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = ((from + i) * 31 + ((from + i) >>> 8)) & 0xff;
  return bytes;
}

interface Held {
  go(): void;
}

class HttpOrigin implements Origin {
  readonly server: Server;
  readonly requests: RecordedRequest[] = [];
  connections = 0;
  open = 0;
  inFlight = 0;
  inFlightMax = 0;
  #handler: OriginHandler;
  readonly #early: boolean;
  #holding = false;
  #held: Held[] = [];
  #waiting: { n: number; resolve: (request: RecordedRequest) => void }[] = [];
  #closed: Promise<void> | null = null;

  constructor(handler: OriginHandler, options: OriginOptions) {
    this.#handler = handler;
    this.#early = options.early ?? false;
    // maxHeaderSize and maxHeadersCount: an origin must show all that a gateway sent, not cut it silently.
    this.server = createServer({
      maxHeaderSize: 1 << 20,
      keepAliveTimeout: options.keepAliveMs ?? 0,
      requestTimeout: 0,
    });
    this.server.maxHeadersCount = 0;
    this.server.on('connection', (socket: Socket) => {
      this.connections++;
      this.open++;
      socket.once('close', () => this.open--);
    });
    this.server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#take(request, response));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  get authority(): string {
    return `127.0.0.1:${this.port}`;
  }
  get url(): string {
    return `http://${this.authority}`;
  }
  get held(): number {
    return this.#held.length;
  }

  arrived(n: number, ms = 5000): Promise<RecordedRequest> {
    const there = this.requests[n - 1];
    if (there) return Promise.resolve(there);
    const coming = new Promise<RecordedRequest>((resolve) => this.#waiting.push({ n, resolve }));
    return within(ms, coming, `request ${n} at the origin (${this.requests.length} came so far)`);
  }

  hold(): void {
    this.#holding = true;
  }

  release(count?: number): void {
    if (count === undefined) this.#holding = false;
    for (const held of this.#held.splice(0, count ?? this.#held.length)) held.go();
  }

  answer(handler: OriginHandler): void {
    this.#handler = handler;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
    return this.#closed;
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const recorded = record(request);
    this.requests.push(recorded);
    this.inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    let counted = true;
    const leave = () => {
      if (counted) this.inFlight--;
      counted = false;
    };
    // 'prefinish', not 'finish': the peer may read the last byte and send its next request before this process hears
    // that its write is done, and would then seem to have one request more in flight than it had.
    response.once('prefinish', leave);
    response.once('close', () => {
      if (counted) recorded.aborted = true;
      leave();
      this.#held = this.#held.filter((held) => held !== mine);
    });
    // A peer that leaves within its body: 'close' above tells the story.
    request.on('error', () => {});
    response.on('error', () => {});
    for (const waiter of this.#waiting.filter(({ n }) => n === this.requests.length)) waiter.resolve(recorded);
    this.#waiting = this.#waiting.filter(({ n }) => n > this.requests.length);

    const mine: Held = { go: () => void this.#handler(request, response, recorded) };
    const ready = () => {
      if (this.#holding) this.#held.push(mine);
      else mine.go();
    };
    if (this.#early) {
      ready();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
    });
    request.once('end', () => {
      recorded.body = Buffer.concat(chunks);
      recorded.trailers = request.rawTrailers;
      recorded.complete = true;
      ready();
    });
    response.once('close', () => {
      if (!recorded.complete) recorded.body = Buffer.concat(chunks);
    });
  }
}

function record(request: IncomingMessage): RecordedRequest {
  const rawHeaders = request.rawHeaders;
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    httpVersion: request.httpVersion,
    rawHeaders,
    field: (name) => rawHeaders.filter((_value, i) => i % 2 === 1 && sameName(rawHeaders[i - 1], name)),
    body: Buffer.alloc(0),
    trailers: [],
    atMs: performance.now(),
    complete: false,
    aborted: false,
    peerPort: request.socket.remotePort ?? 0,
  };
}

function sameName(a: string | undefined, b: string): boolean {
  return a !== undefined && a.toLowerCase() === b.toLowerCase();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}

function listen(server: Server | SocketServer, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** One accepted connection of a raw origin. */
export class RawConnection {
  readonly socket: Socket;
  /** every byte that came, in order */
  received: Buffer = Buffer.alloc(0);
  /** the peer has ended or reset */
  ended = false;
  /** how it went: null while open or after an orderly end */
  error: NodeJS.ErrnoException | null = null;
  #wakers: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#wake();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
  }

  /** latin1, so that a byte is a character */
  get text(): string {
    return this.received.toString('latin1');
  }

  send(bytes: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends, then ends in an orderly way (FIN). */
  end(bytes: string | Buffer = ''): void {
    this.socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** RST, without a farewell. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Resolves once the received bytes satisfy `enough`; rejects when the peer ends before, or after `ms`. */
  async bytes(enough: (text: string) => boolean, ms = 5000): Promise<string> {
    const loop = async (): Promise<string> => {
      for (;;) {
        const text = this.text;
        if (enough(text)) return text;
        if (this.ended) throw new Error(`the peer ended after ${this.received.length} bytes: ${JSON.stringify(text)}`);
        await new Promise<void>((resolve) => this.#wakers.push(resolve));
      }
    };
    return within(ms, loop(), 'bytes at the raw origin');
  }

  /** The n-th request head (from 1), its blank line included. */
  head(n = 1, ms = 5000): Promise<string> {
    return this.bytes((text) => text.split('\r\n\r\n').length > n, ms).then(
      (text) => `${text.split('\r\n\r\n')[n - 1]}\r\n\r\n`,
    );
  }

  /** Resolves when the peer has ended or reset. */
  async gone(ms = 5000): Promise<void> {
    const loop = async () => {
      while (!this.ended) await new Promise<void>((resolve) => this.#wakers.push(resolve));
    };
    await within(ms, loop(), 'the peer to leave the raw origin');
  }

  #finish(): void {
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

/** What a raw origin does with a connection: its own story, or bytes with which every request head is answered. */
export type RawScript = ((connection: RawConnection, index: number) => void | Promise<void>) | string | Buffer;

export interface RawOrigin {
  readonly port: number;
  readonly authority: string;
  readonly url: string;
  readonly connections: RawConnection[];
  /** Resolves with the n-th connection (from 1). */
  connected(n: number, ms?: number): Promise<RawConnection>;
  close(): Promise<void>;
}

/** A script that throws fails `close()`: so the test that started the origin fails, with the script's own error. */
export async function startRawOrigin(script: RawScript): Promise<RawOrigin> {
  const connections: RawConnection[] = [];
  const waiting: { n: number; resolve: (connection: RawConnection) => void }[] = [];
  const faults: unknown[] = [];
  const server = createSocketServer({ allowHalfOpen: true }, (socket) => {
    const connection = new RawConnection(socket);
    connections.push(connection);
    for (const { n, resolve } of waiting) if (n === connections.length) resolve(connection);
    const run = typeof script === 'function' ? script : answerHeads(script);
    const running = async () => run(connection, connections.length - 1);
    running().catch((error) => {
      if (!closed) faults.push(error);
    });
  });
  let closed: Promise<void> | null = null;
  await listen(server, 0);
  const port = (server.address() as AddressInfo).port;
  return {
    port,
    authority: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    connections,
    connected(n, ms = 5000) {
      const there = connections[n - 1];
      if (there) return Promise.resolve(there);
      const coming = new Promise<RawConnection>((resolve) => waiting.push({ n, resolve }));
      return within(ms, coming, `connection ${n} at the raw origin`);
    },
    close() {
      closed ??= new Promise((resolve, reject) => {
        server.close(() => (faults.length > 0 ? reject(faults[0]) : resolve()));
        for (const { socket } of connections) socket.destroy();
      });
      return closed;
    },
  };
}

function answerHeads(bytes: string | Buffer): (connection: RawConnection) => void {
  return (connection) => {
    let answered = 0;
    connection.socket.on('data', () => {
      const heads = connection.text.split('\r\n\r\n').length - 1;
      for (; answered < heads; answered++) connection.send(bytes);
    });
    connection.socket.on('end', () => connection.socket.end());
  };
}
