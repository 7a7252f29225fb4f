// One request and its answer, from the parsed head to the last byte: all of its control flow is in this file, in the
// order in which it happens. Leaves (fields, target, gate, attempt, problem) are called from here and never call on.
//
//   begin ─ readHead ─ match ─ runSteps ─ admit ─ readBody ─ dispatch ─ attemptHead ─ attemptData* ─ attemptEnd
//             │          │        │         │        │          │↑ retry              (held back until frontDrained)
//             └──────────┴────────┴── fail / reply ──┴──────────┴── attemptFailed, expired, frontClosed
//                                            └──────────── frontClosed ─ finish (exactly once)
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
import { type Front, type FrontOwner, NO_BODY, UNKNOWN_LENGTH } from './front.ts';
import { problemBody, problemFields } from './problem.ts';
import { GatheredBody, REPLAYABLE_BYTES, StreamedBody } from './request-body.ts';
import { requestId } from './request-id.ts';
import type { RouteRuntime, Runtime } from './runtime.ts';
import { continueTrace, type TraceContext } from './trace-context.ts';

/** Longer targets are refused with 414; nginx's largest header buffer is 8 KiB. */
const MAX_TARGET_LENGTH = 16_384;
/** A request that has been here so often goes in circles; a few Weirs one behind the other are no loop. */
const MAX_OWN_VIAS = 10;
/** Answers up to this leave in one write together with their head. */
const JOINED_BYTES = 16_384;

const SERVER_OPTIONS = ['allow', 'GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS'];

/** Filled anew by every request: the view is copied out before anything can wait. */
const target = new Target();

export class Exchange extends Deadline implements AttemptOwner, FrontOwner, Waiter, PolicyExchange {
  readonly #front: Front;
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
  /** where the next attempt goes, when that is decided already */
  #next: Endpoint | null = null;
  #replayed = false;
  #trace: TraceContext | null = null;

  #status = 0;
  #reason: Reason | null = null;
  #answer: ResponseFields | null = null;
  #statusText = '';
  #headSent = false;
  /** the first bytes of the body, waiting for more of this turn: a small answer leaves in one write with its head */
  #held: Buffer | null = null;
  /** an event stream: the deadline counts from the last byte */
  #idleOnly = false;
  #upstreamDone = false;
  #finished = false;

  constructor(front: Front, worker: WorkerContext, runtime: Runtime) {
    super();
    this.#front = front;
    this.#worker = worker;
    this.#runtime = runtime;
    this.#startedMs = monotonicMs();
    this.method = front.method;
  }

  get requestFields(): string[] {
    return this.#fields.forward;
  }

  begin(): void {
    this.#worker.ledger.raise(ITEM_REQUESTS);
    this.#runtime.enter();
    this.#front.setOwner(this);
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
    const refusal = readRequestFields(this.#front.rawHeaders, limits.maxHeaders, fields);
    const { peer } = this.#front;
    this.#peerTrusted = trusted.trusts(peer);
    this.requestId = requestId(fields.requestId, this.#peerTrusted);
    if (refusal !== null) return refusal;
    this.clientIp = clientAddress(peer, fields.forwardedFor, trusted);

    const url = this.#front.target;
    if (url.length > MAX_TARGET_LENGTH) return 'url_too_long';
    const fault = readTarget(url, target);
    if (fault !== null) return fault;
    if (target.path === '*' && this.method !== 'OPTIONS') return 'bad_target';
    this.path = target.path;
    this.search = target.search;

    // HTTP/1.0 may come without Host: only routes without hosts serve it (RFC 9112 section 3.2)
    if (fields.host === null && this.#front.http11) return 'bad_host';
    const host = fields.host === null ? '' : readHost(fields.host);
    if (host === null) return 'bad_host';
    this.#host = host;
    if (target.authority !== null) {
      const authority = readHost(target.authority);
      if (authority === null || (fields.host !== null && authority !== host)) return 'bad_host';
      this.#host = authority;
    }
    if (fields.contentLength > limits.maxBodyBytes) return 'body_too_large';
    if (fields.ownVias >= MAX_OWN_VIAS) return 'proxy_loop_detected';
    return null;
  }

  #match(): RouteRuntime | null {
    const { router } = this.#runtime;
    if (this.path === '*') {
      // of the server as a whole, not of any route (RFC 9110 section 9.3.7)
      this.reply(204, SERVER_OPTIONS, '');
      return null;
    }
    const raw = this.#front.rawHeaders;
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
    if (fields.expectsContinue) this.#front.sendContinue();
    if (fields.chunked || fields.contentLength > REPLAYABLE_BYTES) return this.#dispatch();
    this.#readingBody = true;
    this.#front.readBody(new GatheredBody(this.#gathered));
  }

  readonly #gathered = (body: Buffer): void => {
    if (this.#over) return;
    this.#readingBody = false;
    this.#body = body;
    this.#dispatch();
  };

  // ── the attempts ───────────────────────────────────────────────────────────────────────────────────────────────

  #dispatch(): void {
    const endpoint = this.#next ?? this.#upstream!.pick(this.#tried);
    this.#next = null;
    if (endpoint === null) return this.#fail('destination_unavailable');
    const streams = this.#body === null && this.#fields.hasBody;
    const stream = streams ? new StreamedBody(this.#front, this.#runtime.limits.maxBodyBytes) : null;
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
    this.#trace ??= continueTrace(fields.traceparent);
    const trace = this.#trace;
    addGatewayFields(
      list,
      host,
      forwardedFor(this.#front.peer, fields.forwardedFor, this.#runtime.trusted),
      forwardedProto(this.#front.proto, fields.forwardedProto, this.#peerTrusted),
      forwardedHost(inboundHost, fields.forwardedHost, this.#peerTrusted),
      this.requestId,
      trace.traceparent,
      // it belongs to the trace that was not believed (W3C Trace Context section 3.3)
      trace.continued ? fields.tracestate : null,
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
    this.#next = upstream.pick(this.#tried);
    return this.#next !== null;
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
    // The parser goes on with the body in this same turn if it has it: the head waits for that, and no longer.
    process.nextTick(flushAnswer, this);
  }

  #becomeEventStream(): void {
    this.#idleOnly = true;
    this.#restartDeadline(monotonicMs(), this.#runtime.limits.idleTimeoutMs);
  }

  attemptData(chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#headSent && this.#held === null && chunk.length <= JOINED_BYTES) {
      this.#held = chunk;
      if (chunk.length !== this.#answer!.contentLength) this.#attempt!.keepChunk();
      return;
    }
    if (!this.#headSent) this.#sendHead();
    if (this.#idleOnly) this.#restartDeadline(monotonicMs(), this.#runtime.limits.idleTimeoutMs);
    this.#attempt!.keepChunk();
    if (!this.#front.write(chunk)) this.#attempt!.pause();
  }

  /** The turn in which the head came is over and the answer is not: what there is goes out now. */
  flushAnswer(): void {
    if (this.#over || this.#headSent) return;
    this.#sendHead();
    this.#front.flush();
  }

  frontDrained(): void {
    this.#attempt?.resume();
  }

  attemptEnd(): void {
    this.#upstreamDone = true;
    this.#attemptOver();
    this.#releaseSlot();
    if (this.#over) return;
    if (this.#headSent) return this.#front.end();
    const answer = this.#answer!;
    if (this.#bodiless) {
      this.#sendHead();
      return this.#front.end();
    }
    // all of it came in one turn: head and body are one write, and the length is known whatever the upstream said
    this.#headSent = true;
    const body = this.#held === null ? '' : this.#held.toString('latin1');
    this.#front.sendWhole(this.#status, this.#statusText, answer.forward, body, this.#mustClose);
  }

  /** RFC 9110 sections 6.4.1 and 8.6: these have no body, and Content-Length tells of another answer's. */
  get #bodiless(): boolean {
    return this.method === 'HEAD' || this.#status === 204 || this.#status === 304;
  }

  #sendHead(): void {
    this.#headSent = true;
    const { forward, contentLength } = this.#answer!;
    let length = contentLength < 0 ? UNKNOWN_LENGTH : contentLength;
    if (this.#bodiless) {
      length = NO_BODY;
      if (contentLength >= 0 && this.#status !== 204) forward.push('content-length', String(contentLength));
    }
    this.#front.sendHead(this.#status, this.#statusText, forward, length, this.#mustClose);
    const held = this.#held;
    this.#held = null;
    if (held !== null && !this.#front.write(held)) this.#attempt!.pause();
  }

  /**
   * The connection cannot be used again: the failure says so, or there is body left that is not worth reading. A small
   * one is read to its end and thrown away, unless the client may not send it at all (it waits for 100 Continue).
   */
  get #mustClose(): boolean {
    if (this.#reason !== null && failure(this.#reason).closes) return true;
    const { hasBody, chunked, contentLength, expectsContinue } = this.#fields;
    if (!hasBody || this.#front.bodyComplete) return false;
    return chunked || expectsContinue || contentLength > REPLAYABLE_BYTES;
  }

  // ── answers of our own, and every other way to end ─────────────────────────────────────────────────────────────

  /** A policy's answer. */
  reply(status: number, fields: readonly string[], body: string): void {
    if (this.#over) return;
    this.#status = status;
    this.#headSent = true;
    const own = [...fields, 'x-request-id', this.requestId];
    if (this.#route !== null) for (const step of this.#route.responseSteps) step.response(this, own);
    this.#front.sendWhole(status, '', own, body, this.#mustClose);
  }

  /** Ends the exchange with a failure of the table: as an answer if none has begun, else by cutting the connection. */
  #fail(reason: Reason, retryAfterSeconds = 0, allow: string[] | null = null): void {
    if (this.#over) return;
    this.#reason = reason;
    this.#stop();
    if (this.#headSent) return this.#front.cut();
    this.#headSent = true;
    this.#held = null;
    this.#status = failure(reason).status;
    const fields = problemFields(reason, this.requestId, retryAfterSeconds, allow);
    this.#front.sendWhole(this.#status, '', fields, problemBody(reason, this.requestId), this.#mustClose);
  }

  /** The deadline, whatever it was for at that moment. Once the upstream has ended, only a slow client holds it up. */
  expired(): void {
    if (this.waiting) this.#fail('connection_limit_reached');
    else if (this.#readingBody) this.#fail('request_timeout');
    else if (this.#upstreamDone) this.#fail('client_closed');
    else this.#fail('http_response_timeout');
  }

  frontClosed(whole: boolean): void {
    if (!whole && this.#reason === null) {
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
    const counters = this.#route?.counters ?? this.#worker.counters.route(NO_ROUTE_LABEL);
    counters.finished(this.method, this.#status, monotonicMs() - this.#startedMs);
    if (this.#reason !== null) counters.failed(this.#reason);
    // last: who sees no request active sees all of them counted
    this.#worker.ledger.lower(ITEM_REQUESTS);
    this.#runtime.leave();
  }
}

function flushAnswer(exchange: Exchange): void {
  exchange.flushAnswer();
}

function isEventStream(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!;
    if (name.length === 12 && name.toLowerCase() === 'content-type')
      return fields[at + 1]!.startsWith('text/event-stream');
  }
  return false;
}
