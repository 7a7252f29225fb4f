import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readHost } from '../../../src/worker/route/host.ts';

test('case, port and one trailing dot make no difference', () => {
  for (const raw of [
    'api.example.com',
    'API.Example.COM',
    'api.example.com:8080',
    'api.example.com.',
    'api.example.com.:80',
  ]) {
    assert.equal(readHost(raw), 'api.example.com', raw);
  }
});

test('addresses are hosts', () => {
  assert.equal(readHost('10.0.0.1:80'), '10.0.0.1');
  assert.equal(readHost('[::1]:8080'), '[::1]');
  assert.equal(readHost('[2001:DB8:0:0::1]'), '[2001:db8::1]');
  assert.equal(readHost('localhost'), 'localhost');
  assert.equal(readHost('under_score.local:'), 'under_score.local');
});

test('what RFC 3986 does not call a host is refused', () => {
  const bad = [
    '',
    ' ',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'u@a',
    'a:b',
    'a:80:80',
    '::1',
    '[::1',
    '[::1]x',
    '[v1.a]',
    '[fe80::1%25en0]',
  ];
  bad.push(
    'a:65536',
    'a:123456',
    ':80',
    '.',
    '.a',
    'a..b',
    'a..',
    'a\\b',
    'a\tb',
    'é.com',
    'a"',
    '<a>',
    '[10.0.0.1]',
    'a\n',
  );
  for (const raw of bad) assert.equal(readHost(raw), null, JSON.stringify(raw));
});

test('a percent-encoded host is refused: it would be a second spelling', () => {
  assert.equal(readHost('%61.com'), null);
});

test('a host longer than any name is refused without being remembered', () => {
  assert.equal(readHost(`${'a.'.repeat(200)}com`), null);
});

test('answers survive a flood of other hosts', () => {
  for (let index = 0; index < 5000; index++) assert.equal(readHost(`H${index}.example:80`), `h${index}.example`);
  assert.equal(readHost('H1.example:80'), 'h1.example');
  assert.equal(readHost('H4999.example:80'), 'h4999.example');
});

test('reading a host again changes nothing', () => {
  const raws = fc.string({ unit: fc.constantFrom(...'aA0.-_:[]%*,80'), maxLength: 12 });
  fc.assert(
    fc.property(raws, (raw) => {
      const host = readHost(raw);
      if (host === null) return;
      assert.equal(readHost(host), host);
      assert.equal(host, host.toLowerCase());
    }),
    { numRuns: 2000 },
  );
});
