import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTINUE } from '../../../src/worker/policies/policy.ts';
import { type RewriteOptions, rewritePolicy } from '../../../src/worker/policies/rewrite.ts';
import { exchangeDouble } from './exchange-double.ts';

function rewritten(options: RewriteOptions, matched: string, path: string): string {
  const exchange = exchangeDouble(path);
  const { request, response } = rewritePolicy.compile(options, { id: 'r', pathKind: 'prefix', path: matched });
  assert.equal(response, null);
  assert.equal(request!.request(exchange), CONTINUE);
  return exchange.path;
}

test('the matched prefix is replaced and the rest stays byte for byte', () => {
  const table: [prefix: string, matched: string, path: string, expected: string][] = [
    ['/v2', '/api', '/api', '/v2'],
    ['/v2', '/api', '/api/', '/v2/'],
    ['/v2', '/api', '/api/users/1', '/v2/users/1'],
    ['/v2/', '/api', '/api/users', '/v2/users'],
    ['/', '/api', '/api/users', '/users'],
    ['/', '/api', '/api', '/'],
    ['/', '/api', '/api/', '/'],
    ['/v2', '/', '/users', '/v2/users'],
    ['/v2', '/', '/', '/v2/'],
    ['/', '/', '/users', '/users'],
    ['/v2', '/api', '/api//users/%2Fa', '/v2//users/%2Fa'],
  ];
  for (const [prefix, matched, path, expected] of table)
    assert.equal(rewritten({ prefix }, matched, path), expected, `${prefix} for ${matched} in ${path}`);
});

test('a fixed path replaces all of it', () => {
  assert.equal(rewritten({ path: '/health' }, '/api', '/api/anything'), '/health');
});
