import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTarget, Target, targetFault } from '../../../src/worker/route/target.ts';

function read(raw: string): Target | 'bad_target' {
  const target = new Target();
  return readTarget(raw, target) ?? target;
}

function pathOf(raw: string): string {
  const target = read(raw);
  return target === 'bad_target' ? target : target.path;
}

test('a plain target is split at the first question mark', () => {
  const target = read('/users/42?x=1?y') as Target;
  assert.deepEqual({ ...target }, { path: '/users/42', search: '?x=1?y', authority: null, encodedSlash: false });
  assert.equal((read('/') as Target).path, '/');
  assert.equal((read('/a?') as Target).search, '?');
});

test('unreserved escapes are decoded and all others upper-cased', () => {
  assert.equal(pathOf('/%61dmin'), '/admin');
  assert.equal(pathOf('/%7euser/%2D%5F%2E'), '/~user/-_.');
  assert.equal(pathOf('/caf%c3%a9%3b'), '/caf%C3%A9%3B');
});

test('an escaped percent sign is never decoded', () => {
  assert.equal(pathOf('/a%252Fb'), '/a%252Fb');
  assert.equal(pathOf('/%25%32%46'), '/%252F');
  assert.equal((read('/a%252Fb') as Target).encodedSlash, false);
});

test('dot segments are removed, written out or escaped', () => {
  const cases: [string, string][] = [
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e', '/'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['/.', '/'],
    ['/a/..?q', '/'],
    ['/a//../b', '/a/b'],
    ['/a/..//b', '//b'],
  ];
  for (const [raw, path] of cases) assert.equal(pathOf(raw), path, raw);
});

test('dots inside names are no dot segments', () => {
  for (const raw of ['/.well-known/x', '/a/...', '/..a', '/a..', '/a/.b/c.', '/.%41', '/..%41']) {
    assert.equal(pathOf(raw), raw.replace('%41', 'A'), raw);
  }
});

test('a target that leaves the root is refused', () => {
  for (const raw of ['/..', '/../a', '/a/../../b', '/%2e%2e/a', '/./..']) assert.equal(read(raw), 'bad_target', raw);
});

test('dot segments in disguise are refused', () => {
  for (const raw of ['/a/..;/b', '/a/..;x=1/b', '/.;/b', '/a/%2e.;/b', '/a/x%2f..%2fb', '/a%2F..', '/..%5cb']) {
    assert.equal(read(raw), 'bad_target', raw);
  }
});

test('repeated slashes are kept and never read as an authority', () => {
  const target = read('//evil.example/x') as Target;
  assert.equal(target.path, '//evil.example/x');
  assert.equal(target.authority, null);
});

test('encoded slashes and backslashes stay in the path and are flagged', () => {
  for (const [raw, path] of [
    ['/a%2fb', '/a%2Fb'],
    ['/a%5cb', '/a%5Cb'],
  ]) {
    const target = read(raw as string) as Target;
    assert.equal(target.path, path);
    assert.equal(target.encodedSlash, true);
  }
  assert.equal((read('/a%2Fb/../c') as Target).encodedSlash, false);
  assert.equal((read('/a?b=%2F') as Target).encodedSlash, false);
});

test('what no URL may hold is refused', () => {
  const bad = ['', 'a', '/a b', '/a\tb', '/a\x00', '/a\x7f', '/a\\b', '/%00', '/%', '/%4', '/%zz', '/%%41', '/%4?1'];
  bad.push('/a#f', '/a?b#f', '/é', '/a?é', '/a?b c', '/a?\r\nX: y', '/\u{1f600}', '*x', '**', 'host:443', '?a');
  for (const raw of bad) assert.equal(read(raw), 'bad_target', JSON.stringify(raw));
});

test('the query passes byte for byte', () => {
  for (const search of ['?%zz', '?a=%2e%2e/../x', '?\\', '?a=b&&c', '?%00', '?"<>^`{|}']) {
    assert.equal((read(`/a${search}`) as Target).search, search);
  }
});

test('absolute form gives the authority and the same path as origin form', () => {
  const target = read('http://Api.example.com:8080/a/../%62?q=1') as Target;
  assert.deepEqual(
    { ...target },
    { path: '/b', search: '?q=1', authority: 'Api.example.com:8080', encodedSlash: false },
  );
  assert.equal((read('HTTPS://a?x') as Target).path, '/');
  assert.equal((read('http://a') as Target).path, '/');
  assert.equal((read('http://a?x') as Target).search, '?x');
  for (const raw of ['http://', 'http:///a', 'http://u@a/', 'http://a:b/', 'ftp://a/', 'http:/a', 'http://a#f']) {
    assert.equal(read(raw), 'bad_target', raw);
  }
});

test('a target object that is used again keeps nothing of the one before', () => {
  const target = new Target();
  readTarget('http://a/b%2Fc?d', target);
  readTarget('/e', target);
  assert.deepEqual({ ...target }, { path: '/e', search: '', authority: null, encodedSlash: false });
});

test('the asterisk is read as it is', () => {
  assert.equal(pathOf('*'), '*');
});

const piece = fc.constantFrom(
  ...[
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '%5C',
    '%25',
    '%61',
    '%7E',
    '%3b',
    ';',
    'a',
    'b',
    'Z',
    '~',
    '?',
    '%',
    '4',
  ],
);
const targets = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((text) => `/${text}`),
);

test('reading a path again changes nothing', () => {
  fc.assert(
    fc.property(targets, (raw) => {
      const once = read(raw);
      if (once === 'bad_target') return;
      const twice = read(once.path) as Target;
      assert.deepEqual({ ...twice }, { ...once, search: '' });
    }),
    { numRuns: 3000 },
  );
});

test('a path that was read holds no dot segment and nothing left to decode', () => {
  fc.assert(
    fc.property(targets, (raw) => {
      const target = read(raw);
      if (target === 'bad_target') return;
      assert.match(target.path, /^\/(?:[!"$&-./0-9:;<=>@A-Z[\]^_`a-z{|}~]|%[0-9A-F]{2})*$/);
      assert.doesNotMatch(target.path, /(?:^|\/)\.\.?(?:\/|$)/);
      assert.doesNotMatch(target.path, /%(?:4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE]|3[0-9]|2[DE]|00)/);
      assert.ok(raw.endsWith(target.search));
    }),
    { numRuns: 3000 },
  );
});

test('paths without escapes and empty segments agree with the URL parser of Node', () => {
  const segment = fc.constantFrom('.', '..', 'a', 'b.c', '...', '%2e', '.%2E');
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 8 }), (segments) => {
      const raw = `/${segments.join('/')}`;
      const target = read(raw);
      // above the root the URL parser clamps and we refuse
      if (target !== 'bad_target') assert.equal(target.path, new URL(`http://a${raw}`).pathname);
    }),
  );
});

test('every refused target has a reason in words and no other has', () => {
  fc.assert(
    fc.property(fc.oneof(targets, fc.string({ maxLength: 10 })), (raw) => {
      assert.equal(targetFault(raw) === null, read(raw) !== 'bad_target');
    }),
    { numRuns: 2000 },
  );
  assert.match(targetFault('/a/../../b') as string, /leaves the root/);
  assert.match(targetFault('/a\\b') as string, /backslash/);
  assert.match(targetFault('http://a:b:c/x') as string, /authority/);
});
