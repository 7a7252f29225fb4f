// One attempt against a pool that the test plays: what it accounts, what it tells its exchange, and what it ignores.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dispatcher } from 'undici';
import { Attempt, type AttemptOwner } from '../../../src/worker/proxy/attempt.ts';
import { BODY_TOO_LARGE } from '../../../src/worker/proxy/request-body.ts';
import type { Endpoint } from '../../../src/worker/upstream/endpoint.ts';
import { ConnectionLostError } from '../../../src/worker/upstream/http1-client.ts';

interface Stage {
  attempt: Attempt;
  told: string[];
  /** what was done to the connection */
  done: string[];
  controller: Dispatcher.DispatchController;
  inFlight(): number;
}

function stage(dispatch: (attempt: Attempt) => void = () => {}): Stage {
  const told: string[] = [];
  const done: string[] = [];
  let inFlight = 0;
  const owner: AttemptOwner = {
    attemptHead: (status) => told.push(`head ${status}`),
    attemptData: (chunk) => told.push(`data ${chunk}`),
    attemptEnd: () => told.push('end'),
    attemptFailed: (reason) => told.push(`failed ${reason}`),
  };
  const endpoint = {
    begin: () => (inFlight += 1),
    end: () => (inFlight -= 1),
    pool: { dispatch: (_options: unknown, handler: Attempt) => dispatch(handler) },
  } as unknown as Endpoint;
  const controller = {
    rawHeaders: ['a', '1'],
    pause: () => done.push('pause'),
    resume: () => done.push('resume'),
    abort: () => done.push('abort'),
  } as unknown as Dispatcher.DispatchController;
  return { attempt: new Attempt(owner, endpoint, null), told, done, controller, inFlight: () => inFlight };
}

test('an answer is told in order and the endpoint is given back once', () => {
  const { attempt, told, controller, inFlight } = stage();
  assert.equal(inFlight(), 1);
  attempt.onRequestStart(controller);
  attempt.onResponseStart(controller, 103, null);
  attempt.onResponseStart(controller, 200, null);
  attempt.onResponseData(controller, Buffer.from('x'));
  assert.equal(inFlight(), 1);
  attempt.onResponseEnd();
  assert.equal(inFlight(), 0);
  attempt.onResponseError(controller, new Error('late'));
  attempt.onResponseData(controller, Buffer.from('late'));
  attempt.abort();
  assert.deepEqual(told, ['head 200', 'data x', 'end']);
  assert.equal(inFlight(), 0);
});

test('a refusal within dispatch, thrown or told, is a failure like any other', () => {
  const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
  for (const dispatch of [
    () => {
      throw refused;
    },
    (attempt: Attempt) => attempt.onResponseError(null, refused),
  ]) {
    const { attempt, told, inFlight } = stage(dispatch);
    attempt.dispatch('GET', '/', [], null, false);
    assert.deepEqual(told, ['failed connection_refused']);
    assert.equal(inFlight(), 0);
  }
});

test('what the error means depends on whether the answer had begun', () => {
  const lost = new ConnectionLostError(false);
  const before = stage();
  before.attempt.onResponseError(before.controller, lost);
  assert.deepEqual(before.told, ['failed connection_terminated']);
  const within = stage();
  within.attempt.onResponseStart(within.controller, 200, null);
  within.attempt.onResponseError(within.controller, lost);
  assert.deepEqual(within.told, ['head 200', 'failed http_response_incomplete']);
  const large = stage();
  large.attempt.onResponseError(large.controller, Object.assign(new Error('x'), { code: BODY_TOO_LARGE }));
  assert.deepEqual(large.told, ['failed body_too_large']);
});

test('only a lost connection that had served before is stale', () => {
  for (const [error, stale] of [
    [new ConnectionLostError(true), true],
    [new ConnectionLostError(false), false],
    [new Error('x'), false],
  ] as const) {
    const { attempt, controller } = stage();
    attempt.onResponseError(controller, error);
    assert.equal(attempt.stale, stale);
  }
});

test('an aborted attempt destroys its connection and says nothing more', () => {
  const { attempt, told, done, controller, inFlight } = stage();
  attempt.onRequestStart(controller);
  attempt.abort();
  attempt.abort();
  attempt.onResponseError(controller, new Error('aborted'));
  assert.deepEqual(done, ['abort']);
  assert.deepEqual(told, []);
  assert.equal(inFlight(), 0);
});

test('an attempt that was aborted while it waited for a connection gives that up as soon as it comes', () => {
  const { attempt, done, controller, inFlight } = stage();
  attempt.abort();
  assert.equal(inFlight(), 0);
  attempt.onRequestStart(controller);
  assert.deepEqual(done, ['abort']);
});

test("once it has ended, it does not touch a connection that may be another's", () => {
  const { attempt, done, controller } = stage();
  attempt.onRequestStart(controller);
  attempt.onResponseStart(controller, 200, null);
  attempt.pause();
  attempt.onResponseEnd();
  attempt.resume();
  attempt.abort();
  assert.deepEqual(done, ['pause']);
});

test('a resume without a pause is none', () => {
  const { attempt, done, controller } = stage();
  attempt.onRequestStart(controller);
  attempt.resume();
  attempt.pause();
  attempt.resume();
  attempt.resume();
  assert.deepEqual(done, ['pause', 'resume']);
});
