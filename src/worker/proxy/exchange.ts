// One request and its answer, from the parsed head to the last byte: all of its control flow is in this file, in the
// order in which it happens. Leaves (fields, target, gate, attempt, problem) are called from here and never call on.
//
//   begin ─ readHead ─ match ─ runSteps ─ admit ─ readBody ─ dispatch ─ attemptHead ─ attemptData* ─ attemptEnd
//             │          │        │         │        │          │↑ retry              (held back by responseDrained)
//             └──────────┴────────┴── fail / reply ──┴──────────┴── attemptFailed, expired, responseClosed
//                                            └──────────── responseClosed ─ finish (exactly once)
import type { IncomingMessage } from 'node:http';
import { monotonicMs } from '../../shared/clock.ts';
import { failure, type Reason } from '../../shared/errors.ts';
import { ITEM_REQUESTS } from '../../shared/memory/layout.ts';
import { NO_ROUTE_LABEL } from '../../shared/metrics.ts';
import { CONTINUE, type PolicyExchange, REPLIED, type Verdict } from '../policies/policy.ts';
import { readHost } from '../route/host.ts';
import { readTarget, Target } from '../route/target.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Waiter } from '../upstream/gate.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { WorkerContext } from './context.ts';
import { Deadline } from './deadlines.ts';
import { addGatewayFields, RequestFields, ResponseFields, readRequestFields, readResponseFields } from './fields.ts';
import { clientAddress, forwardedFor, forwardedHost, forwardedProto } from './forwarded.ts';
import { problemBody, problemFields } from './problem.ts';
import { gatherBody, REPLAYABLE_BYTES, StreamedBody } from './request-body.ts';
import { requestId } from './request-id.ts';
import { onResponseClose, onResponseDrain, type ProxyResponse } from './response.ts';
import type { RouteRuntime, Runtime } from './runtime.ts';
import { continueTrace } from './trace-context.ts';

/** Longer targets are refused with 414; nginx's largest header buffer is 8 KiB. */
const MAX_TARGET_LENGTH = 16_384;
/** Answers up to this leave in one write together with their head. */
const JOINED_BYTES = 16_384;

/** Filled anew by every request: the view is copied out before anything can wait. */
const target = new Target();

export class Exchange extends Deadline implements AttemptOwner, Waiter, PolicyExchange {
  readonly #request: IncomingMessage;
  readonly #response: ProxyResponse;
  readonly #worker: WorkerContext;
  readonly #runtime: Runtime;
  readonly #startedMs: number;
  readonly #fields = new RequestFields();
  readonly method: string;
  path = '';
  search = '';
  clientIp = '';
  requestId = '';
  /** in the queue of its upstream's gate */
  waiting = false;

  #peer = '';
  #peerTrusted = false;
  #host = '';
  #route: RouteRuntime | null = null;
  #upstream: Upstream | null = null;
  #slotHeld = false;
  #readingBody = false;
  #body: Buffer | null = null;
  #attempt: Attempt | null = null;
  #attempts = 0;
  #tried: Endpoint[] | null = null;
  #replayed = false;

  #status = 0;
  #reason: Reason | null = null;
  #answer: ResponseFields | null = null;
  #statusText = '';
  #headSent = false;
  /** the whole of a small answer, waiting for its end so that head and body are one write */
  #held: Buffer | null = null;
  /** an event stream: the deadline counts from the last byte */
  #idleOnly = false;
  #finished = false;

  constructor(request: IncomingMessage, response: ProxyResponse, worker: WorkerContext, runtime: Runtime) {
    super();
    this.#request = request;
    this.#response = response;
    this.#worker = worker;
    this.#runtime = runtime;
    this.#startedMs = monotonicMs();
    this.method = request.method ?? '';
  }

  get requestFields(): string[] {
    return this.#fields.forward;
  }

  begin(): void {
    this.#worker.ledger.raise(ITEM_REQUESTS);
    this.#runtime.enter();
    this.#response.exchange = this;
    this.#response.on('close', onResponseClose);
    const refusal = this.#readHead();
    if (refusal !== null) return this.#fail(refusal);
    const route = this.#match();
    if (route === null) return;
    this.#route = route;
    this.#worker.deadlines.start(this, this.#startedMs, route.plan.timeoutMs);
    this.#runSteps(0);
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  #readHead(): Reason | null {
    const { limits, trusted } = this.#runtime;
    const fields = this.#fields;
    const refusal = readRequestFields(this.#request.rawHeaders, limits.maxHeaders, fields);
    // undefined when the client is gone already
    const peer = this.#request.socket.remoteAddress ?? '';
    this.#peer = peer;
    this.#peerTrusted = trusted.trusts(peer);
    this.requestId = requestId(fields.requestId, this.#peerTrusted);
    if (refusal !== null) return refusal;
    this.clientIp = clientAddress(peer, fields.forwardedFor, trusted);

    const url = this.#request.url ?? '';
    if (url.length > MAX_TARGET_LENGTH) return 'url_too_long';
    const fault = readTarget(url, target);
    if (fault !== null) return fault;
    if (target.path === '*' && this.method !== 'OPTIONS') return 'bad_target';
    this.path = target.path;
    this.search = target.search;

    // HTTP/1.0 may come without Host: only routes without hosts serve it
    const host = fields.host === null ? '' : readHost(fields.host);
    if (host === null) return 'bad_host';
    if (target.authority !== null && readHost(target.authority) !== host) return 'bad_host';
    this.#host = host;
    if (fields.contentLength > limits.maxBodyBytes) return 'body_too_large';
    return null;
  }

  #match(): RouteRuntime | null {
    const { router } = this.#runtime;
    const raw = this.#request.rawHeaders;
    const encodedSlash = target.encodedSlash;
    const route = router.match(this.method, this.#host, this.path, this.search, raw);
    if (route !== null) {
      if (!encodedSlash || route.plan.allowEncodedSlashes) return route;
      this.#fail('bad_target');
      return null;
    }
    const allowed = router.allowed(this.#host, this.path, this.search, raw);
    if (allowed === null) this.#fail('route_not_found');
    else this.#fail('method_not_allowed', 0, allowed);
    return null;
  }

  #runSteps(from: number): void {
    const steps = this.#route!.requestSteps;
    for (let at = from; at < steps.length; at++) {
      const verdict = steps[at]!.request(this);
      if (verdict === CONTINUE) continue;
      if (verdict === REPLIED) return;
      verdict.then(
        (later: Verdict) => {
          if (later === CONTINUE && !this.#over) this.#runSteps(at + 1);
        },
        () => this.#fail('proxy_internal_error'),
      );
      return;
    }
    this.#admit();
  }

  #admit(): void {
    const split = this.#route!.split;
    if (split === null) return this.#fail('destination_unavailable');
    const upstream = split.choose();
    this.#upstream = upstream;
    if (upstream.gate.tryTake()) return this.#slotTaken();
    this.waiting = true;
    if (!upstream.gate.join(this)) {
      this.waiting = false;
      return this.#fail('connection_limit_reached');
    }
    // while it waits, the deadline is the queue's where that is the shorter one
    const queueMs = upstream.plan.queueTimeoutMs;
    const nowMs = monotonicMs();
    if (nowMs + queueMs < this.dueMs) this.#restartDeadline(nowMs, queueMs);
  }

  /** The gate's call: the slot is ours now. */
  admitted(): void {
    this.waiting = false;
    this.#restartDeadline(this.#startedMs, this.#route!.plan.timeoutMs);
    this.#slotTaken();
  }

  #restartDeadline(fromMs: number, afterMs: number): void {
    this.#worker.deadlines.stop(this);
    this.#worker.deadlines.start(this, fromMs, afterMs);
  }

  #slotTaken(): void {
    this.#slotHeld = true;
    const fields = this.#fields;
    if (!fields.hasBody) return this.#dispatch();
    if (fields.expectsContinue) this.#response.writeContinue();
    if (fields.chunked || fields.contentLength > REPLAYABLE_BYTES) return this.#dispatch();
    this.#readingBody = true;
    gatherBody(this.#request, fields.contentLength, (body) => {
      if (this.#over) return;
      this.#readingBody = false;
      this.#body = body;
      this.#dispatch();
    });
  }

  // ── the attempts ───────────────────────────────────────────────────────────────────────────────────────────────

  #dispatch(): void {
    const upstream = this.#upstream!;
    const endpoint = upstream.pick(this.#tried);
    if (endpoint === null) return this.#fail('destination_unavailable');
    const streams = this.#body === null && this.#fields.hasBody;
    const stream = streams ? new StreamedBody(this.#request, this.#runtime.limits.maxBodyBytes) : null;
    const attempt = new Attempt(this, endpoint, stream);
    this.#attempt = attempt;
    this.#attempts += 1;
    attempt.dispatch(this.method, this.path + this.search, this.#fieldsFor(endpoint), this.#body, this.#replayed);
  }

  #fieldsFor(endpoint: Endpoint): string[] {
    const fields = this.#fields;
    const inboundHost = fields.host ?? '';
    const host = this.#upstream!.plan.preserveHost && inboundHost !== '' ? inboundHost : endpoint.plan.authority;
    // a copy: another attempt begins from the client's fields again, with its own Host and span
    const list = fields.forward.slice();
    addGatewayFields(
      list,
      host,
      forwardedFor(this.#peer, fields.forwardedFor, this.#runtime.trusted),
      forwardedProto('http', fields.forwardedProto, this.#peerTrusted),
      forwardedHost(inboundHost, fields.forwardedHost, this.#peerTrusted),
      this.requestId,
      continueTrace(fields.traceparent).traceparent,
      fields.acceptsTrailers,
    );
    if (this.#body === null && fields.contentLength > 0) list.push('content-length', String(fields.contentLength));
    return list;
  }

  attemptFailed(reason: Reason): void {
    this.#attemptOver();
    if (this.#mayRetry(reason)) {
      this.#worker.counters.retried(this.#upstream!.name, reason);
      return this.#dispatch();
    }
    this.#fail(reason);
  }

  /** Decides on another attempt, and notes the endpoint that is not to be asked again. */
  #mayRetry(reason: Reason): boolean {
    const { retryable } = failure(reason);
    const upstream = this.#upstream!;
    if (retryable === 'never' || this.#over || this.#answer !== null) return false;
    const { endpoint, stream, stale } = this.#attempt!;
    if (stream?.touched) return false;
    if (monotonicMs() >= this.dueMs) return false;
    if (retryable === 'idempotent') {
      if (!upstream.retryMethods.has(this.method)) return false;
      if (stale && !this.#replayed) {
        // the upstream was closing the connection as we used it: once more on a fresh one, and it costs no attempt
        this.#replayed = true;
        this.#attempts -= 1;
        return true;
      }
      return this.#attempts <= upstream.plan.retryAttempts;
    }
    this.#tried ??= [];
    this.#tried.push(endpoint);
    return upstream.pick(this.#tried) !== null;
  }

  #attemptOver(): void {
    const { startedMs } = this.#attempt!;
    this.#worker.counters.upstreamFinished(this.#upstream!.durationCell, monotonicMs() - startedMs);
  }

  // ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────

  attemptHead(status: number, raw: readonly (Buffer | string)[], statusText: string): void {
    const answer = new ResponseFields();
    readResponseFields(raw, this.requestId, answer);
    if (answer.invalid) return this.#fail('http_protocol_error');
    this.#answer = answer;
    this.#status = status;
    this.#statusText = statusText;
    for (const step of this.#route!.responseSteps) step.response(this, answer.forward);
    if (isEventStream(answer.forward)) this.#becomeEventStream();
    // RFC 9110 section 8.6: no Content-Length with 204
    if (status === 204) answer.contentLength = -1;
    if (answer.contentLength >= 0) answer.forward.push('content-length', String(answer.contentLength));
    // The parser goes on with the body in this same turn if it has it: the head waits for that, and no longer.
    process.nextTick(flushHead, this);
  }

  #becomeEventStream(): void {
    this.#idleOnly = true;
    this.#restartDeadline(monotonicMs(), this.#runtime.limits.idleTimeoutMs);
  }

  flushHead(): void {
    if (!this.#headSent && this.#held === null && !this.#over) {
      if (this.#sendHead()) this.#response.flushHeaders();
    }
  }

  attemptData(chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#headSent) {
      if (chunk.length === this.#answer!.contentLength && chunk.length <= JOINED_BYTES) {
        this.#held = chunk;
        return;
      }
      if (!this.#sendHead()) return;
    }
    if (this.#idleOnly) this.#restartDeadline(monotonicMs(), this.#runtime.limits.idleTimeoutMs);
    this.#attempt!.keepChunk();
    if (!this.#response.write(chunk)) {
      this.#attempt!.pause();
      if (this.#response.listenerCount('drain') === 0) this.#response.on('drain', onResponseDrain);
    }
  }

  responseDrained(): void {
    this.#attempt?.resume();
  }

  attemptEnd(): void {
    this.#attemptOver();
    this.#releaseSlot();
    if (this.#over) return;
    if (!this.#headSent && !this.#sendHead()) return;
    if (this.#held === null) this.#response.end();
    // as a latin1 string it is joined to the head: one write, one copy
    else this.#response.end(this.#held.toString('latin1'), 'latin1');
  }

  #sendHead(): boolean {
    this.#headSent = true;
    try {
      this.#writeHead(this.#status, this.#statusText, this.#answer!.forward);
      return true;
    } catch {
      // a field or reason phrase of the upstream that HTTP cannot carry
      this.#headSent = false;
      this.#fail('http_protocol_error');
      return false;
    }
  }

  #writeHead(status: number, statusText: string, fields: string[]): void {
    if (this.#mustClose) fields.push('connection', 'close');
    if (statusText === '') this.#response.writeHead(status, fields);
    else this.#response.writeHead(status, statusText, fields);
  }

  /** The connection cannot be used again: we are leaving, or a body was not read to its end. */
  get #mustClose(): boolean {
    if (this.#worker.draining) return true;
    if (this.#reason !== null && failure(this.#reason).closes) return true;
    return this.#fields.hasBody && !this.#request.complete;
  }

  // ── answers of our own, and every other way to end ─────────────────────────────────────────────────────────────

  /** A policy's answer. */
  reply(status: number, fields: readonly string[], body: string): void {
    if (this.#over) return;
    this.#status = status;
    const own = [...fields, 'x-request-id', this.requestId];
    if (status !== 204 && status !== 304) own.push('content-length', String(Buffer.byteLength(body)));
    for (const step of this.#route!.responseSteps) step.response(this, own);
    this.#headSent = true;
    this.#writeHead(status, '', own);
    this.#response.end(body);
  }

  /** Ends the exchange with a failure of the table: as an answer if none has begun, else by cutting the connection. */
  #fail(reason: Reason, retryAfterSeconds = 0, allow: string[] | null = null): void {
    if (this.#over) return;
    this.#reason = reason;
    this.#stop();
    if (this.#headSent) {
      this.#response.destroy();
      return;
    }
    this.#headSent = true;
    this.#held = null;
    this.#status = failure(reason).status;
    const body = problemBody(reason, this.requestId);
    this.#writeHead(this.#status, '', problemFields(reason, body.length, this.requestId, retryAfterSeconds, allow));
    this.#response.end(body, 'latin1');
  }

  /** The deadline, whatever it was for at that moment. */
  expired(): void {
    if (this.waiting) this.#fail('connection_limit_reached');
    else if (this.#readingBody) this.#fail('request_timeout');
    else this.#fail('http_response_timeout');
  }

  /** The answer went out whole, or the client is gone. */
  responseClosed(): void {
    if (!this.#response.writableFinished && this.#reason === null) {
      this.#reason = 'client_closed';
      if (!this.#headSent) this.#status = failure('client_closed').status;
      this.#stop();
    }
    this.#finish();
  }

  /** A failure was decided, or the last byte was handed over: nothing of the upstream matters any more. */
  get #over(): boolean {
    return this.#finished || this.#reason !== null;
  }

  /** Lets go of everything that is held for the upstream's sake. */
  #stop(): void {
    this.#worker.deadlines.stop(this);
    if (this.waiting) {
      this.waiting = false;
      this.#upstream!.gate.left();
    }
    this.#attempt?.abort();
    this.#releaseSlot();
  }

  #releaseSlot(): void {
    if (!this.#slotHeld) return;
    this.#slotHeld = false;
    this.#upstream!.gate.release();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#worker.deadlines.stop(this);
    this.#releaseSlot();
    this.#worker.ledger.lower(ITEM_REQUESTS);
    const counters = this.#route?.counters ?? this.#worker.counters.route(NO_ROUTE_LABEL);
    counters.finished(this.method, this.#status, monotonicMs() - this.#startedMs);
    if (this.#reason !== null) counters.failed(this.#reason);
    this.#response.exchange = null;
    this.#runtime.leave();
  }
}

function flushHead(exchange: Exchange): void {
  exchange.flushHead();
}

function isEventStream(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!;
    if (name.length === 12 && name.toLowerCase() === 'content-type')
      return fields[at + 1]!.startsWith('text/event-stream');
  }
  return false;
}
