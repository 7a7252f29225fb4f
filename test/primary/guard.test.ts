import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { Guard } from '../../src/primary/admin/guard.ts';

function asking(headers: Record<string, string>): IncomingMessage {
  return { headers } as unknown as IncomingMessage;
}

test('on loopback only names and addresses of loopback are known', () => {
  const guard = new Guard('127.0.0.1', null);
  for (const host of ['localhost', 'LOCALHOST:9901', '127.0.0.1:9901', '127.8.9.1', '[::1]:9901']) {
    assert.equal(guard.refusal(asking({ host })), null, host);
  }
  for (const host of ['evil.example', 'localhost.evil.example:9901', '192.0.2.1', '', '127.0.0.1.nip.io', '[::2]']) {
    assert.equal(guard.refusal(asking({ host }))?.status, 403, host);
  }
  assert.equal(guard.refusal(asking({}))?.status, 403);
});

test('on another address that address is known, and any address, but no name', () => {
  const guard = new Guard('0.0.0.0', 'secret');
  for (const host of ['0.0.0.0:9901', '192.0.2.1:9901', '[2001:db8::1]:9901']) {
    assert.equal(guard.refusal(asking({ host })), null, host);
  }
  assert.equal(guard.refusal(asking({ host: 'rebound.example:9901' }))?.status, 403);
});

test('a write beyond loopback without a configured token is refused whatever it carries', () => {
  const guard = new Guard('192.0.2.1', null);
  const refusal = guard.writeRefusal(asking({ host: '192.0.2.1', authorization: 'Bearer ' }));
  assert.equal(refusal?.status, 403);
  assert.match(refusal?.detail ?? '', /admin\.token/);
});

test('a token must be whole and exact', () => {
  const guard = new Guard('127.0.0.1', 'secret');
  const write = (authorization: string) =>
    guard.writeRefusal(asking({ host: 'localhost', authorization }))?.status ?? 0;
  assert.equal(write('Bearer secret'), 0);
  assert.equal(write('bearer  secret'), 0);
  for (const wrong of ['', 'secret', 'Bearer secre', 'Bearer secrets', 'Bearer SECRET', 'Bearer secret x']) {
    assert.equal(write(wrong), 401, wrong);
  }
});

test('an Origin must be the very authority that was asked', () => {
  const guard = new Guard('127.0.0.1', null);
  const write = (origin: string) => guard.writeRefusal(asking({ host: 'localhost:9901', origin }))?.status ?? 0;
  assert.equal(write('http://localhost:9901'), 0);
  for (const foreign of ['http://localhost', 'https://localhost:9901', 'http://localhost:9902', 'null', '']) {
    assert.equal(write(foreign), 403, foreign);
  }
});
