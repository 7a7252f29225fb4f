import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLIED } from '../../../src/worker/policies/policy.ts';
import { type RespondOptions, respondPolicy } from '../../../src/worker/policies/respond.ts';
import { exchangeDouble } from './exchange-double.ts';

function replied(options: RespondOptions) {
  const exchange = exchangeDouble();
  const { request, response } = respondPolicy.compile(options, { id: 'r', pathKind: 'prefix', path: '/' });
  assert.equal(response, null);
  assert.equal(request!.request(exchange), REPLIED);
  assert.equal(exchange.replies.length, 1);
  return exchange.replies[0]!;
}

test('a fixed answer has its status, body and type', () => {
  assert.deepEqual(replied({ status: 418, body: 'tea', content_type: 'text/x-tea' }), {
    status: 418,
    fields: ['content-type', 'text/x-tea'],
    body: 'tea',
  });
  assert.deepEqual(replied({ status: 200, body: 'x' }).fields, ['content-type', 'text/plain; charset=utf-8']);
});

test('a body is handed over as the bytes of its UTF-8', () => {
  assert.equal(Buffer.from(replied({ status: 200, body: 'Grüße €' }).body, 'latin1').toString('utf8'), 'Grüße €');
});

test('without a body there is no Content-Type, and a redirect names where to go', () => {
  assert.deepEqual(replied({ status: 204 }), { status: 204, fields: [], body: '' });
  assert.deepEqual(replied({ status: 301, location: 'https://a.example/b' }).fields, [
    'location',
    'https://a.example/b',
  ]);
});
