// One try at one endpoint: the handler that undici calls back. It accounts for the endpoint exactly once and hands
// everything that matters to its exchange; after `end()` whatever still arrives is ignored.
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { monotonicMs } from '../../shared/clock.ts';
import type { Reason } from '../../shared/errors.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { reasonOf } from '../upstream/failure.ts';
import { ConnectionLostError, type Http1Controller } from '../upstream/http1-client.ts';
import { BODY_TOO_LARGE, type StreamedBody } from './request-body.ts';

/** What an attempt tells its exchange. */
export interface AttemptOwner {
  /** @param raw flat list of Buffers or strings */
  attemptHead(status: number, raw: readonly (Buffer | string)[], statusText: string): void;
  attemptData(chunk: Buffer): void;
  attemptEnd(): void;
  attemptFailed(reason: Reason): void;
}

/** One object for all: an abort is no fault, and a stack per abort would cost 10 us. */
const EXCHANGE_OVER = new Error('the exchange is over');

export class Attempt implements Dispatcher.DispatchHandler {
  readonly endpoint: Endpoint;
  readonly startedMs: number;
  /** null: gathered, or none */
  readonly stream: StreamedBody | null;
  readonly #owner: AttemptOwner;
  #controller: Dispatcher.DispatchController | null = null;
  #ended = false;
  #headSeen = false;
  #paused = false;
  #stale = false;

  constructor(owner: AttemptOwner, endpoint: Endpoint, stream: StreamedBody | null) {
    this.#owner = owner;
    this.endpoint = endpoint;
    this.stream = stream;
    this.startedMs = monotonicMs();
    endpoint.begin();
  }

  /**
   * @param fields flat list
   * @param body gathered bytes, or null for the stream or none
   * @param fresh not on a connection that has carried requests
   */
  dispatch(method: string, target: string, fields: string[], body: Buffer | null, fresh: boolean): void {
    const options = {
      method: method as Dispatcher.HttpMethod,
      path: target,
      headers: fields,
      body: (body ?? this.stream) as Buffer | Readable | null,
      blocking: false,
      fresh,
    };
    try {
      this.endpoint.pool.dispatch(options as Dispatcher.DispatchOptions, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The attempt no longer counts; true the first time. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.endpoint.end();
    return true;
  }

  /** Gives up: the connection is destroyed, its half-read answer must not meet the next request. */
  abort(): void {
    if (!this.end()) return;
    this.#controller?.abort(EXCHANGE_OVER);
    this.stream?.destroy();
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    // once it has ended, the connection may be another attempt's
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    this.#controller?.resume();
  }

  /** The chunk being delivered is used after the call: our connection must not read into it again. */
  keepChunk(): void {
    (this.#controller as Partial<Http1Controller> | null)?.keepBuffer?.();
  }

  /** It died unanswered on a reused connection: the upstream was closing that one already. */
  get stale(): boolean {
    return this.#stale;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // given up while it waited for its connection
    if (this.#ended) controller.abort(EXCHANGE_OVER);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, statusText = ''): void {
    if (this.#ended || status < 200) return;
    this.#headSeen = true;
    const raw = (controller as unknown as { rawHeaders: (Buffer | string)[] }).rawHeaders;
    this.#owner.attemptHead(status, raw, statusText);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#ended) this.#owner.attemptData(chunk);
  }

  onResponseEnd(): void {
    if (this.end()) this.#owner.attemptEnd();
  }

  // may come synchronously from dispatch(), and with a null controller
  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (!this.end()) return;
    this.#stale = error instanceof ConnectionLostError && error.stale;
    const tooLarge = (error as { code?: unknown } | null)?.code === BODY_TOO_LARGE;
    this.#owner.attemptFailed(tooLarge ? 'body_too_large' : reasonOf(error, this.#headSeen));
  }
}
