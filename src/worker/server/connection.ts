// One client connection speaking HTTP/1.1: heads and bodies from llhttp, answers written as one string where they are
// small. Requests on a connection are answered in turn; those that a client sends ahead wait, and nothing more is read
// meanwhile.
//
//   idle ─head→ current ─answer whole→ next in line, or idle ─…→ closed
//                  └ cut / parse error / timeout ────────────────→ closed
import type { Socket } from 'node:net';
import type { Reason } from '../../shared/errors.ts';
import type { Front } from '../proxy/front.ts';
import { rawProblem } from '../proxy/problem.ts';
import { requestId } from '../proxy/request-id.ts';
import { Http1Front } from './http1-front.ts';
import { createRequestParser, type ParserEvents, type RequestParser, type StreamHandle } from './request-parser.ts';

/** What a connection needs of its server. */
export interface ConnectionOwner {
  request(front: Front): void;
  /** the bytes were no request: counted and answered with the failure table's status */
  refused(reason: Reason): void;
  closed(connection: Connection): void;
  /** answers say `Connection: close` */
  readonly leaving: boolean;
  /** seconds for `Keep-Alive: timeout=`, one less than what holds */
  readonly keepAliveSeconds: number;
  /** monotonic, as of the last sweep: enough for deadlines that are kept to the second */
  readonly nowMs: number;
}

type ServerSocket = Socket & { _handle: StreamHandle | null };

/** Requests that a client may have sent ahead in one read; more of them is no browser. */
const MAX_AHEAD = 100;
/** A client that sends on after its refusal is read and ignored for so long that it can read the answer. */
const LINGER_MS = 2000;

const PARSE_ERRORS = new Map<string, Reason>([
  ['HPE_HEADER_OVERFLOW', 'headers_too_large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 'body_too_large'],
]);

export class Connection implements ParserEvents {
  readonly owner: ConnectionOwner;
  readonly socket: ServerSocket;
  readonly peer: string;
  /** when the first byte of a head came that is not whole yet; 0: none is under way */
  headSinceMs = 0;
  /** when the last answer ended, or the connection began */
  idleSinceMs: number;
  /** requests that it has brought */
  served = 0;
  #parser: RequestParser | null;
  /** the request being answered */
  #current: Http1Front | null = null;
  /** the request whose body is being read: the last one in line */
  #reading: Http1Front | null = null;
  #ahead: Http1Front[] = [];
  /** no further request is taken: the framing is lost, or this answer is the last */
  #last = false;
  #waitsForDrain = false;
  #stopped = false;

  constructor(socket: Socket, owner: ConnectionOwner, maxHeaderBytes: number, nowMs: number) {
    this.socket = socket as ServerSocket;
    this.owner = owner;
    this.peer = socket.remoteAddress ?? '';
    this.idleSinceMs = nowMs;
    this.#parser = createRequestParser(this, maxHeaderBytes);
    if (this.socket._handle !== null) this.#parser.consume(this.socket._handle);
    socket.on('error', ignore);
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#onDrain());
  }

  /** Nothing is being answered: it may be closed without harm to a request that has arrived. */
  get idle(): boolean {
    return this.#current === null;
  }

  // ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────

  requestBegan(): void {
    this.headSinceMs = this.owner.nowMs;
  }

  requestHead(
    method: string,
    target: string,
    headers: string[],
    http11: boolean,
    upgrade: boolean,
    keepAlive: boolean,
  ): void {
    this.headSinceMs = 0;
    // whatever follows an answer that closes is not a request any more
    if (this.#last) return;
    this.served += 1;
    const front = new Http1Front(this, method, target, headers, http11, keepAlive && !upgrade);
    this.#reading = front;
    if (this.#current === null) this.#serve(front);
    else if (this.#ahead.length < MAX_AHEAD) this.#ahead.push(front);
    // not a refusal: it would be taken for the answer that `current` is owed
    else this.socket.destroy();
  }

  requestData(chunk: Buffer): void {
    this.#reading?.bodyArrived(chunk);
  }

  requestEnd(): void {
    const reading = this.#reading;
    this.#reading = null;
    reading?.bodyEnded();
  }

  executed(result: number | Error): void {
    if (typeof result === 'number') {
      if (this.#ahead.length > 0) this.#stopReading();
      return;
    }
    if (this.#last) return;
    if (this.#current === null) {
      this.#refuse(PARSE_ERRORS.get((result as NodeJS.ErrnoException).code ?? '') ?? 'bad_request');
    } else if (this.#reading !== null) {
      // within the body of what is being answered: it will never be whole
      this.socket.destroy();
    } else {
      // behind it: the answer that is owed is given, and is the last. An answer to the garbage would look like its part
      this.#last = true;
      this.#ahead = [];
    }
  }

  #serve(front: Http1Front): void {
    this.#current = front;
    if (front.method === 'CONNECT') this.#refuse('method_not_supported');
    else this.owner.request(front);
  }

  /** The answer of `current` is out. */
  answered(close: boolean): void {
    this.#current = null;
    if (close || this.#last) {
      this.#last = true;
      this.#finish();
      return;
    }
    const next = this.#ahead.shift();
    if (next !== undefined) {
      this.#serve(next);
    } else {
      this.idleSinceMs = this.owner.nowMs;
      if (this.#stopped) this.#startReading();
    }
  }

  /** Refuses what is no request, and everything after it. */
  #refuse(reason: Reason): void {
    this.#last = true;
    this.#current = null;
    this.#reading = null;
    this.#ahead = [];
    this.owner.refused(reason);
    this.socket.write(rawProblem(reason, requestId(null, false)), 'latin1');
    this.#finish();
  }

  /** A head did not come in time. */
  timeOut(): void {
    // we are not reading: it is not the client that is late
    if (this.#stopped) return;
    this.headSinceMs = 0;
    if (this.#current === null) this.#refuse('request_timeout');
    else this.socket.destroy();
  }

  /** Nothing has come for too long, or the gateway is leaving: no answer is owed. */
  close(): void {
    this.#last = true;
    this.#finish();
  }

  /**
   * Our side ends; the client's is read for a while and thrown away. Closing with unread bytes would make the kernel
   * send a reset, and that can overtake the answer (RFC 9112 section 9.6).
   */
  #finish(): void {
    this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), LINGER_MS);
    timer.unref();
    this.socket.once('close', () => clearTimeout(timer));
    this.#startReading();
  }

  // ── the socket ─────────────────────────────────────────────────────────────────────────────────────────────────

  #stopReading(): void {
    this.#stopped = true;
    this.socket._handle?.readStop();
  }

  #startReading(): void {
    this.#stopped = false;
    if (this.headSinceMs > 0) this.headSinceMs = this.owner.nowMs;
    this.socket._handle?.readStart();
  }

  pauseBody(front: Http1Front): void {
    if (this.#reading === front) this.#stopReading();
  }

  resumeBody(front: Http1Front): void {
    if (this.#reading === front && this.#stopped) this.#startReading();
  }

  waitForDrain(): void {
    this.#waitsForDrain = true;
  }

  #onDrain(): void {
    if (!this.#waitsForDrain) return;
    this.#waitsForDrain = false;
    this.#current?.drained();
  }

  /** The client sends no more. Whoever closes before the answer does not want it (nginx's 499); our side ends by itself. */
  #onEnd(): void {
    if (this.#current !== null || this.#reading !== null) this.socket.destroy();
  }

  #onClose(): void {
    const parser = this.#parser;
    this.#parser = null;
    if (parser !== null) {
      parser.unconsume();
      // it may be on the stack
      setImmediate(() => parser.close());
    }
    const current = this.#current;
    this.#current = null;
    this.#ahead = [];
    this.#reading?.bodyLost();
    this.#reading = null;
    current?.lost();
    this.owner.closed(this);
  }
}

/** 'close' follows and says all there is to know. */
function ignore(): void {}
