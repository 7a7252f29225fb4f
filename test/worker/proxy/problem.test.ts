import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURES, type Reason } from '../../../src/shared/errors.ts';
import { problemBody, problemFields, rawProblem } from '../../../src/worker/proxy/problem.ts';
import { finalAnswer } from '../../helpers/client.ts';

const REASONS = Object.keys(FAILURES) as Reason[];

function field(fields: string[], name: string): string | undefined {
  const at = fields.findIndex((part, index) => index % 2 === 0 && part === name);
  return at < 0 ? undefined : fields[at + 1];
}

test('every failure has a whole problem body', () => {
  for (const reason of REASONS) {
    const { status, title, detail } = FAILURES[reason];
    assert.deepEqual(JSON.parse(problemBody(reason, 'id-7')), {
      type: `urn:weir:problem:${reason}`,
      title,
      status,
      detail,
      reason,
      instance: 'id-7',
    });
  }
});

test('bodies are ASCII, so their length in characters is their length in bytes', () => {
  for (const reason of REASONS) {
    const body = problemBody(reason, 'id');
    assert.equal(Buffer.byteLength(body), body.length, reason);
  }
});

test('fields name the request and the kind of failure', () => {
  const fields = problemFields('connection_refused', 'id-7', 0, null);
  assert.equal(field(fields, 'content-type'), 'application/problem+json');
  assert.equal(field(fields, 'x-request-id'), 'id-7');
  assert.equal(field(fields, 'cache-control'), 'no-store');
  assert.equal(field(fields, 'proxy-status'), 'weir; error=connection_refused');
  assert.equal(field(fields, 'retry-after'), undefined);
  assert.equal(field(fields, 'allow'), undefined);
});

test('Proxy-Status is absent only where no error type of RFC 9209 fits', () => {
  for (const reason of REASONS) {
    const error = FAILURES[reason].proxyError;
    assert.equal(
      field(problemFields(reason, 'id', 0, null), 'proxy-status'),
      error === null ? undefined : `weir; error=${error}`,
    );
  }
  assert.deepEqual(
    REASONS.filter((reason) => FAILURES[reason].proxyError === null),
    ['route_not_found', 'method_not_allowed'],
  );
});

test("Retry-After is the table's unless the caller knows better, and every 503 and 429 has one", () => {
  assert.equal(field(problemFields('connection_limit_reached', 'id', 0, null), 'retry-after'), '1');
  assert.equal(field(problemFields('connection_limit_reached', 'id', 7, null), 'retry-after'), '7');
  for (const reason of REASONS) {
    if (![503, 429].includes(FAILURES[reason].status)) continue;
    assert.ok(field(problemFields(reason, 'id', 0, null), 'retry-after'), reason);
  }
});

test('Allow lists the methods', () => {
  assert.equal(field(problemFields('method_not_allowed', 'id', 0, ['GET', 'HEAD']), 'allow'), 'GET, HEAD');
});

test('an answer for a socket without a request is whole HTTP that ends the connection', () => {
  for (const reason of REASONS) {
    const bytes = Buffer.from(rawProblem(reason, 'id-7'), 'latin1');
    const found = finalAnswer(bytes, false, false);
    assert.ok(found, reason);
    assert.equal(found.length, bytes.length, reason);
    assert.equal(found.answer.status, FAILURES[reason].status);
    assert.deepEqual(
      found.answer.headers.filter(([name]) => name === 'connection'),
      [['connection', 'close']],
    );
    assert.equal((JSON.parse(found.answer.body.toString()) as { reason: string }).reason, reason);
  }
});
