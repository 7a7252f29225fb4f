import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatorError } from '../../../src/shared/errors.ts';
import {
  clientAddress,
  forwardedFor,
  forwardedHost,
  forwardedProto,
  TrustedProxies,
} from '../../../src/worker/proxy/forwarded.ts';

const nobody = new TrustedProxies([]);
const inside = new TrustedProxies(['10.0.0.0/8', 'fd00::/8', '192.0.2.7']);

test('blocks of both families and single addresses are trusted', () => {
  for (const ip of ['10.0.0.1', '10.255.255.255', 'fd12::1', 'FD12:0::1', '192.0.2.7'])
    assert.ok(inside.trusts(ip), ip);
  for (const ip of ['11.0.0.1', '9.255.255.255', 'fe80::1', '192.0.2.8', '::1']) assert.ok(!inside.trusts(ip), ip);
});

test('IPv4 mapped into IPv6 is the same address, in peers and in blocks', () => {
  assert.ok(inside.trusts('::ffff:10.1.2.3'));
  assert.ok(inside.trusts('::ffff:a01:203'));
  assert.ok(!inside.trusts('::ffff:11.1.2.3'));
  const mapped = new TrustedProxies(['::ffff:10.0.0.0/104', '::ffff:192.0.2.7']);
  assert.ok(mapped.trusts('10.9.9.9'));
  assert.ok(mapped.trusts('192.0.2.7'));
  assert.ok(!mapped.trusts('11.0.0.1'));
});

test('what is no address is never trusted', () => {
  const everybody = new TrustedProxies(['0.0.0.0/0', '::/0']);
  assert.ok(everybody.trusts('203.0.113.1'));
  for (const ip of ['', 'unknown', '_hidden', '10.0.0', '10.0.0.1:80', '10.0.0.01'])
    assert.ok(!everybody.trusts(ip), ip);
});

test('a bad block is an error that names it', () => {
  for (const cidr of [
    '10.0.0.0/33',
    'fd00::/129',
    'example.com',
    '10.0.0.0/',
    '10.0.0.0/x',
    '/8',
    '',
    '::ffff:10.0.0.0/8',
  ]) {
    assert.throws(
      () => new TrustedProxies([cidr]),
      (error) => error instanceof OperatorError && error.message.includes(`"${cidr}"`),
    );
  }
});

test('a flood of addresses changes no answer', () => {
  for (let index = 0; index < 20_000; index++) {
    const low = `${index >> 8}.${index & 255}`;
    assert.ok(inside.trusts(`10.0.${low}`));
    assert.ok(!inside.trusts(`11.0.${low}`));
  }
});

test('an untrusted peer is the client, whatever it claims', () => {
  assert.equal(clientAddress('203.0.113.9', '1.2.3.4', nobody), '203.0.113.9');
  assert.equal(clientAddress('203.0.113.9', '1.2.3.4', inside), '203.0.113.9');
  assert.equal(clientAddress('::ffff:203.0.113.9', null, inside), '203.0.113.9');
});

test('behind trusted proxies the client is the rightmost hop that is not ours', () => {
  const cases: [string, string][] = [
    ['203.0.113.9', '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['6.6.6.6,203.0.113.9 ,\t10.0.0.2,10.0.0.3', '203.0.113.9'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    // nobody but us: the one farthest away
    ['10.0.0.9, 10.0.0.2', '10.0.0.9'],
  ];
  for (const [xff, client] of cases) assert.equal(clientAddress('10.0.0.1', xff, inside), client, xff);
});

test('garbage ends the search at the last good hop', () => {
  for (const garbage of ['', 'unknown', '1.2.3.4, ', '1.2.3.4, <script>', ',', '999.1.1.1', '1.2.3.4:x']) {
    assert.equal(clientAddress('10.0.0.1', garbage, inside), '10.0.0.1', garbage);
  }
  assert.equal(clientAddress('10.0.0.1', '1.2.3.4, unknown, 10.0.0.2', inside), '10.0.0.2');
});

test('X-Forwarded-For from an untrusted peer is overwritten, from a trusted one continued', () => {
  assert.equal(forwardedFor('203.0.113.9', '1.2.3.4', nobody), '203.0.113.9');
  assert.equal(forwardedFor('203.0.113.9', '1.2.3.4', inside), '203.0.113.9');
  assert.equal(forwardedFor('10.0.0.1', '1.2.3.4', inside), '1.2.3.4, 10.0.0.1');
  assert.equal(forwardedFor('10.0.0.1', null, inside), '10.0.0.1');
  assert.equal(forwardedFor('::ffff:10.0.0.1', '1.2.3.4', inside), '1.2.3.4, 10.0.0.1');
});

test('the next trusted hop finds the client that we found', () => {
  const xff = forwardedFor('10.0.0.1', '6.6.6.6, 203.0.113.9', inside);
  assert.equal(clientAddress('10.0.0.5', xff, inside), clientAddress('10.0.0.1', '6.6.6.6, 203.0.113.9', inside));
});

test('X-Forwarded-Proto and -Host from an untrusted peer are overwritten, from a trusted one kept', () => {
  assert.equal(forwardedProto('http', 'https', false), 'http');
  assert.equal(forwardedProto('http', 'https', true), 'https');
  assert.equal(forwardedProto('https', null, true), 'https');
  assert.equal(forwardedHost('api.example.com:8080', 'evil.example', false), 'api.example.com:8080');
  assert.equal(forwardedHost('api.internal', 'api.example.com', true), 'api.example.com');
  assert.equal(forwardedHost('api.internal', '', true), 'api.internal');
});
