import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type { errors as undiciErrors } from 'undici';
import { reasonOf } from '../../../src/worker/upstream/failure.ts';

const errors = createRequire(import.meta.url)('undici/lib/core/errors.js') as typeof undiciErrors;

function coded(code: string): Error {
  return Object.assign(new Error('whatever it says'), { code });
}

test('what the kernel, the resolver, TLS and undici throw has its reason', () => {
  const table: [string, string][] = [
    ['ECONNREFUSED', 'connection_refused'],
    ['EHOSTUNREACH', 'connection_refused'],
    ['ENETUNREACH', 'connection_refused'],
    ['EADDRNOTAVAIL', 'connection_refused'],
    ['ENOTFOUND', 'dns_error'],
    ['EAI_AGAIN', 'dns_error'],
    ['ETIMEDOUT', 'connection_timeout'],
    ['ECONNRESET', 'connection_terminated'],
    ['EPIPE', 'connection_terminated'],
    ['CERT_HAS_EXPIRED', 'tls_certificate_error'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_certificate_error'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_certificate_error'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_certificate_error'],
    ['EPROTO', 'tls_protocol_error'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_protocol_error'],
    ['ERR_TLS_HANDSHAKE_TIMEOUT', 'tls_protocol_error'],
    ['HPE_INVALID_CONSTANT', 'http_protocol_error'],
    ['WEIR_CONNECT_TIMEOUT', 'connection_timeout'],
    ['WEIR_CONNECTION_LOST', 'connection_terminated'],
    ['WEIR_BAD_RESPONSE', 'http_protocol_error'],
  ];
  for (const [code, reason] of table) assert.equal(reasonOf(coded(code), false), reason, code);
});

test("undici's own errors have their reason by code", () => {
  const table: [Error, string][] = [
    [new errors.ConnectTimeoutError(), 'connection_timeout'],
    [new errors.SocketError('other side closed'), 'connection_terminated'],
    [new errors.ClientDestroyedError(), 'connection_terminated'],
    [Object.assign(new errors.HTTPParserError('x'), { code: 'HPE_INVALID_VERSION' }), 'http_protocol_error'],
    [new errors.HeadersOverflowError(), 'http_protocol_error'],
    [new errors.HeadersTimeoutError(), 'http_response_timeout'],
    [new errors.BodyTimeoutError(), 'http_response_timeout'],
    // a request that undici refuses is a fault of the gateway, not of the upstream
    [new errors.InvalidArgumentError('x'), 'proxy_internal_error'],
    [new errors.RequestContentLengthMismatchError(), 'proxy_internal_error'],
  ];
  for (const [error, reason] of table) assert.equal(reasonOf(error, false), reason, error.name);
});

test('once the answer has begun, whatever ends it has cut it', () => {
  for (const code of [
    'UND_ERR_SOCKET',
    'ECONNRESET',
    'HPE_INVALID_CHUNK_SIZE',
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    'EPROTO',
    'whatever',
  ]) {
    assert.equal(reasonOf(coded(code), true), 'http_response_incomplete', code);
  }
});

test('several addresses that all failed count as their first failure', () => {
  assert.equal(
    reasonOf(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]), false),
    'connection_refused',
  );
  assert.equal(
    reasonOf(Object.assign(new AggregateError([coded('ETIMEDOUT')]), { code: 'ECONNREFUSED' }), false),
    'connection_timeout',
  );
});

test("what is unknown is the gateway's own fault, whatever its type", () => {
  for (const error of [
    new Error('ECONNREFUSED'),
    null,
    undefined,
    'ECONNREFUSED',
    7,
    coded('WHAT'),
    { code: 7 },
    new AggregateError([]),
  ]) {
    assert.equal(reasonOf(error, false), 'proxy_internal_error');
  }
});
