// Clients for tests. `rawRequest` and `openRaw` write exactly the bytes that they are given and keep exactly those that
// come back; `get` and `openClient` are node:http for stories in which the bytes do not matter.
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { within } from './deadline.ts';

/** One parsed HTTP/1.1 answer. */
export interface RawAnswer {
  status: number;
  reasonPhrase: string;
  /** in order, with the case and the repetitions of the wire */
  headers: [string, string][];
  /** decoded: without chunk framing */
  body: Buffer;
  trailers: [string, string][];
  /** the whole body came; false when the connection ended within it */
  complete: boolean;
}

export interface RawResponse extends RawAnswer {
  /** all that came on the connection, interim answers (1xx) included */
  bytes: Buffer;
  /** `bytes` as latin1 */
  text: string;
  /** the server has ended or reset the connection by now */
  closed: boolean;
}

export interface RawRequestOptions {
  /**
   * When to stop reading. `response` (default): after one final answer, or the end of the connection. `close`: the end
   * of the connection. A function: once it is true of all the text so far.
   */
  until?: 'response' | 'close' | ((text: string) => boolean);
  /** the request was HEAD: its answer has no body, whatever its Content-Length says */
  head?: boolean;
  /** end our side (FIN) right after the bytes */
  end?: boolean;
  host?: string;
  ms?: number;
}

/**
 * Sends `bytes` (a string is latin1: one character, one byte) on a new connection and reads the answer. Status 0 with
 * no headers where nothing that looks like an answer came.
 */
export async function rawRequest(
  port: number,
  bytes: Buffer | string,
  options: RawRequestOptions = {},
): Promise<RawResponse> {
  const { until = 'response', head = false, ms = 5000 } = options;
  const client = await openRaw(port, options.host);
  try {
    client.send(bytes);
    if (options.end) client.end();
    if (typeof until === 'function') await client.received(until, ms);
    else if (until === 'close') await client.gone(ms);
    else await client.received((_text, all) => finalAnswer(all, head, client.closed) !== null, ms);
    const answer = finalAnswer(client.bytes, head, client.closed)?.answer ?? partial(client.bytes, head);
    return { ...answer, bytes: client.bytes, text: client.text, closed: client.closed };
  } finally {
    client.destroy();
  }
}

/** A connection to 127.0.0.1 (or `host`) on which several requests can be told byte by byte. */
export async function openRaw(port: number, host = '127.0.0.1', ms = 5000): Promise<RawClient> {
  const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
  const client = new RawClient(socket);
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  await within(ms, opened, `a connection to ${host}:${port}`);
  return client;
}

export class RawClient {
  readonly socket: Socket;
  bytes: Buffer = Buffer.alloc(0);
  /** the server has ended or reset */
  closed = false;
  /** ECONNRESET and its like; null after an orderly end */
  error: NodeJS.ErrnoException | null = null;
  #taken = 0;
  #wakers: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.#wake();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  send(bytes: Buffer | string): void {
    if (!this.socket.destroyed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next final answer on this connection; rejects when the connection ends before one has begun. */
  async response(options: { head?: boolean; ms?: number } = {}): Promise<RawAnswer> {
    const head = options.head ?? false;
    const next = () => finalAnswer(this.bytes.subarray(this.#taken), head, this.closed);
    await this.received(() => next() !== null, options.ms);
    const found = next();
    if (!found) throw new Error(`the connection ended without an answer: ${JSON.stringify(this.text)}`);
    this.#taken += found.length;
    return found.answer;
  }

  /** Resolves once `enough` is true of what has come, or when the server has ended. Rejects after `ms`. */
  async received(enough: (text: string, bytes: Buffer) => boolean, ms = 5000): Promise<void> {
    const loop = async () => {
      while (!enough(this.text, this.bytes) && !this.closed) {
        await new Promise<void>((resolve) => this.#wakers.push(resolve));
      }
    };
    await within(ms, loop(), `an answer (so far ${JSON.stringify(this.text.slice(0, 200))})`);
  }

  /** Resolves when the server has ended or reset the connection. */
  async gone(ms = 5000): Promise<void> {
    await this.received(() => false, ms);
  }

  /** Stops reading: the kernel's buffers fill, the server feels back-pressure. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends our side in an orderly way (FIN) and keeps reading. */
  end(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #finish(): void {
    this.closed = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

/**
 * The first answer in `bytes` that is not 1xx (101 counts as final), and how many bytes it and the interim ones before
 * it take. null while it is not whole; an answer that `closed` cut short is returned with `complete: false`.
 */
export function finalAnswer(
  bytes: Buffer,
  head: boolean,
  closed: boolean,
): { answer: RawAnswer; length: number } | null {
  let start = 0;
  for (;;) {
    const headEnd = bytes.indexOf('\r\n\r\n', start);
    if (headEnd < 0) return null;
    const answer = parseHead(bytes.toString('latin1', start, headEnd));
    const bodyStart = headEnd + 4;
    if (answer.status >= 100 && answer.status < 200 && answer.status !== 101) {
      start = bodyStart;
      continue;
    }
    const end = readBody(bytes, bodyStart, answer, head, closed);
    return end < 0 ? null : { answer, length: end };
  }
}

/** What can be said of an answer that never became whole. */
function partial(bytes: Buffer, head: boolean): RawAnswer {
  return finalAnswer(bytes, head, true)?.answer ?? parseHead('');
}

function parseHead(text: string): RawAnswer {
  const lines = text.split('\r\n');
  const match = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(lines[0] ?? '');
  return {
    status: match ? Number(match[1]) : 0,
    reasonPhrase: match?.[2] ?? '',
    headers: match ? pairs(lines.slice(1)) : [],
    body: Buffer.alloc(0),
    trailers: [],
    complete: false,
  };
}

function pairs(lines: string[]): [string, string][] {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}

/** Fills the answer's body from `start`; returns where the answer ends, or -1 while more must come. */
function readBody(bytes: Buffer, start: number, answer: RawAnswer, head: boolean, closed: boolean): number {
  if (head || answer.status === 204 || answer.status === 304 || answer.status === 101) {
    answer.complete = true;
    return start;
  }
  if (/\bchunked$/i.test(field(answer.headers, 'transfer-encoding') ?? '')) {
    return readChunks(bytes, start, answer, closed);
  }
  const stated = field(answer.headers, 'content-length');
  if (stated === undefined) {
    if (!closed) return -1;
    answer.body = bytes.subarray(start);
    answer.complete = true;
    return bytes.length;
  }
  const end = start + Number(stated);
  answer.complete = bytes.length >= end;
  answer.body = bytes.subarray(start, end);
  if (answer.complete) return end;
  return closed ? bytes.length : -1;
}

function readChunks(bytes: Buffer, start: number, answer: RawAnswer, closed: boolean): number {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error(`not a chunk: ${JSON.stringify(bytes.toString('latin1', at, at + 40))}`);
    at = lineEnd + 2;
    if (size === 0) {
      const end = bytes.indexOf('\r\n', at) === at ? at : bytes.indexOf('\r\n\r\n', at);
      if (end < 0) break;
      answer.trailers = end === at ? [] : pairs(bytes.toString('latin1', at, end).split('\r\n'));
      answer.body = Buffer.concat(chunks);
      answer.complete = true;
      return end === at ? end + 2 : end + 4;
    }
    chunks.push(bytes.subarray(at, at + size));
    at += size + 2;
    if (at > bytes.length) break;
  }
  if (!closed) return -1;
  answer.body = Buffer.concat(chunks);
  return bytes.length;
}

/** The first value of a field, by any spelling of its name. */
export function field(headers: readonly [string, string][], name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

/** All values of a field, in order. */
export function fields(headers: readonly [string, string][], name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

export interface GetOptions {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
  /** until the last byte of the answer; default 10 s */
  ms?: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  rawHeaders: string[];
  trailers: string[];
  body: Buffer;
  text: string;
  json(): unknown;
}

/** One request on a connection of its own, which is closed afterwards. Rejects on any transport error. */
export async function get(url: string, options: GetOptions = {}): Promise<Answer> {
  const agent = new Agent({ keepAlive: false });
  try {
    return await ask(agent, url, options);
  } finally {
    agent.destroy();
  }
}

export interface Client {
  get(url: string, options?: GetOptions): Promise<Answer>;
  /** Closes all connections, idle or not. */
  close(): void;
}

/** Keep-alive connections, at most `connections` of them to one authority; further requests wait for one. */
export function openClient(connections = 1): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    get: (url, options = {}) => ask(agent, url, options),
    close: () => agent.destroy(),
  };
}

function ask(agent: Agent, url: string, options: GetOptions): Promise<Answer> {
  const { method = 'GET', headers = {}, body, ms = 10_000 } = options;
  const request = httpRequest(url, { agent, method, headers });
  let whole = false;
  const answered = new Promise<Answer>((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response: IncomingMessage) => {
      collect(response)
        .then((answer) => {
          whole = true;
          resolve(answer);
        })
        .catch(reject);
    });
  });
  request.end(body);
  return within(ms, answered, `the answer to ${method} ${url}`).finally(() => {
    // A whole exchange has given its connection back to the agent; any other must not linger.
    if (!whole) request.destroy();
  });
}

async function collect(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const text = body.toString();
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    trailers: response.rawTrailers,
    body,
    text,
    json: () => JSON.parse(text) as unknown,
  };
}
