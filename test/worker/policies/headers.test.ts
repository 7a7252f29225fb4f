import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HeadersOptions, headersPolicy } from '../../../src/worker/policies/headers.ts';
import { CONTINUE } from '../../../src/worker/policies/policy.ts';
import { exchangeDouble } from './exchange-double.ts';

const route = { id: 'r', pathKind: 'prefix', path: '/' } as const;

function requestFields(changes: HeadersOptions['request'], fields: string[]): string[] {
  const exchange = exchangeDouble('/', fields);
  assert.equal(headersPolicy.compile({ request: changes }, route).request!.request(exchange), CONTINUE);
  return exchange.requestFields;
}

test('set replaces every spelling, add stands beside, remove takes out', () => {
  const fields = ['X-Old', '1', 'x-set', 'a', 'X-SET', 'b', 'X-Add', 'client', 'x-gone', '2', 'X-Kept', '3'];
  assert.deepEqual(
    requestFields({ set: { 'X-Set': 'new' }, add: { 'x-add': 'more' }, remove: ['X-GONE', 'x-old'] }, fields),
    ['X-Add', 'client', 'X-Kept', '3', 'X-Set', 'new', 'x-add', 'more'],
  );
});

test('set makes what was not there, remove of what is not there changes nothing', () => {
  assert.deepEqual(requestFields({ set: { 'x-a': '1' } }, []), ['x-a', '1']);
  assert.deepEqual(requestFields({ remove: ['x-a'] }, ['x-b', '1']), ['x-b', '1']);
});

test('an answer is changed in place, and only by what is said of answers', () => {
  const compiled = headersPolicy.compile({ response: { set: { server: 'weir' }, remove: ['x-powered-by'] } }, route);
  assert.equal(compiled.request, null);
  const fields = ['Server', 'origin', 'X-Powered-By', 'php', 'set-cookie', 'a', 'set-cookie', 'b'];
  compiled.response!.response(exchangeDouble(), fields);
  assert.deepEqual(fields, ['set-cookie', 'a', 'set-cookie', 'b', 'server', 'weir']);
});

test('one compiled policy serves many requests alike', () => {
  const step = headersPolicy.compile({ request: { set: { a: '1' }, add: { b: '2' } } }, route).request!;
  for (let n = 0; n < 3; n++) {
    const exchange = exchangeDouble('/', ['A', '0']);
    step.request(exchange);
    assert.deepEqual(exchange.requestFields, ['a', '1', 'b', '2']);
  }
});
