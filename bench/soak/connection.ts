// One client connection of the soak's traffic: raw bytes out, answers read by their Content-Length and checked. Lean,
// because on a small machine what the clients burn is missing elsewhere.
import { connect, type Socket } from 'node:net';
import { monotonicMs } from '../../src/shared/clock.ts';
import type { Kind } from './messages.ts';

export interface Ask {
  kind: Kind;
  bytes: string;
  status: number;
  /** of the answer's body; -1: any */
  length: number;
  /** the answer is read with pauses */
  slowly: boolean;
  /** milliseconds after which the client hangs up, whatever has come; 0: it does not */
  abortAfterMs: number;
}

export interface ConnectionOwner {
  /** @param fault null: the answer was right. The connection is free, or gone when `closed` */
  finished(connection: Connection, fault: string | null): void;
  /** without a request on it */
  lost(connection: Connection): void;
}

const SLOW_PAUSE_MS = 40;

export class Connection {
  ask: Ask | null = null;
  localPort = 0;
  readonly openedMs = monotonicMs();
  startedMs = 0;
  served = 0;
  closed = false;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  #head = '';
  /** bytes of body still to come; -1: the head is not whole yet */
  #left = -1;
  #fault: string | null = null;
  #closing = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(port: number, owner: ConnectionOwner) {
    this.#owner = owner;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.on('connect', () => {
      this.localPort = socket.localPort ?? 0;
    });
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('end', () => this.#gone('closed'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#gone(error.code ?? error.message));
    socket.on('close', () => this.#gone('closed'));
  }

  send(ask: Ask): void {
    this.ask = ask;
    this.startedMs = monotonicMs();
    this.#head = '';
    this.#left = -1;
    this.#fault = null;
    this.#socket.write(ask.bytes, 'latin1');
    if (ask.abortAfterMs > 0) this.#timer = setTimeout(() => this.#hangUp(), ask.abortAfterMs);
  }

  /** @param fault of the request on it, if there is one */
  close(fault = 'closed by the client'): void {
    this.#gone(fault);
  }

  #hangUp(): void {
    this.#timer = null;
    this.closed = true;
    this.#socket.destroy();
    this.#done(null);
  }

  #data(chunk: Buffer): void {
    const ask = this.ask;
    if (ask === null) return this.#gone('unasked bytes');
    let body = chunk.length;
    if (this.#left < 0) {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      body = this.#head.length - end - 4;
      this.#readHead(this.#head.slice(0, end), ask);
    }
    this.#left -= body;
    if (this.#left < 0) return this.#gone(`${-this.#left} bytes too many`);
    if (this.#left === 0) {
      this.served += 1;
      if (this.#closing) {
        this.closed = true;
        this.#socket.destroy();
      }
      return this.#done(this.#fault);
    }
    if (ask.slowly) {
      this.#socket.pause();
      this.#timer = setTimeout(() => this.#socket.resume(), SLOW_PAUSE_MS);
    }
  }

  #readHead(head: string, ask: Ask): void {
    const status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#closing = /\r\nconnection: *close/i.test(head);
    this.#left = Number(length ?? 0);
    if (status !== ask.status) this.#fault = `status ${status}`;
    else if (length === undefined) this.#fault = 'no length';
    else if (ask.length >= 0 && this.#left !== ask.length) this.#fault = `length ${length}`;
  }

  #gone(fault: string): void {
    if (this.closed) return;
    this.closed = true;
    this.#socket.destroy();
    if (this.ask === null) this.#owner.lost(this);
    else this.#done(fault);
  }

  #done(fault: string | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#owner.finished(this, fault);
  }
}
