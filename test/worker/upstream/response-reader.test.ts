// The answer parser: every framing of RFC 9112 section 6.3, in any slicing of the bytes, and a refusal for whatever two
// readers could read in two ways.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ResponseReader } from '../../../src/worker/upstream/response-reader.ts';
import { ResponseSyntaxError } from '../../../src/worker/upstream/response-syntax.ts';

interface Seen {
  heads: { status: number; fields: string[]; statusText: string }[];
  body: string;
  ends: boolean[];
}

/** Feeds `text` in slices of the given sizes (cycled) and returns what the reader reported. */
function readAll(text: string, sizes: number[] = [1 << 20], options: { head?: boolean; eof?: boolean } = {}): Seen {
  const seen: Seen = { heads: [], body: '', ends: [] };
  const reader = new ResponseReader({
    responseHead: (status, fields, statusText) => seen.heads.push({ status, fields, statusText }),
    responseData: (chunk) => {
      seen.body += chunk.toString('latin1');
    },
    responseEnd: (reusable) => seen.ends.push(reusable),
  });
  reader.expect(options.head ?? false);
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    reader.read(bytes.subarray(at, at + size));
    at += size;
  }
  if (options.eof) assert.equal(reader.ended(), true);
  return seen;
}

const OK = 'HTTP/1.1 200 OK\r\n';

test('an answer is read alike however its bytes are sliced', () => {
  const answers = [
    `${OK}Content-Length: 5\r\nX-A:  b \r\n\r\nhello`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nT: v\r\n\r\n`,
    'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n',
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...answers),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (text, sizes) => {
        assert.deepEqual(readAll(text, sizes), readAll(text));
      },
    ),
  );
});

test('a length-framed answer gives its fields in their spelling, its body and a reusable connection', () => {
  const seen = readAll(`${OK}Content-Length: 5\r\nX-Mixed:  b \r\nset-cookie: a\r\nset-cookie: b\r\n\r\nhello`);
  assert.deepEqual(seen, {
    heads: [
      {
        status: 200,
        fields: ['Content-Length', '5', 'X-Mixed', 'b', 'set-cookie', 'a', 'set-cookie', 'b'],
        statusText: 'OK',
      },
    ],
    body: 'hello',
    ends: [true],
  });
});

test('chunks are joined, extensions and trailers dropped', () => {
  const seen = readAll(`${OK}Transfer-Encoding: Chunked\r\n\r\nA;q="x"\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n`);
  assert.equal(seen.body, '0123456789');
  assert.deepEqual(seen.ends, [true]);
});

test('an answer without framing ends with the connection', () => {
  const seen = readAll(`${OK}X: y\r\n\r\nall of it`, [3], { eof: true });
  assert.equal(seen.body, 'all of it');
  assert.deepEqual(seen.ends, [false]);
});

test('HEAD, 204 and 304 have no body whatever they announce', () => {
  assert.deepEqual(readAll(`${OK}Content-Length: 99\r\n\r\n`, [9], { head: true }).ends, [true]);
  assert.deepEqual(readAll('HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n').ends, [true]);
  assert.deepEqual(readAll('HTTP/1.1 204 No Content\r\n\r\n').ends, [true]);
});

test('the connection is used again only when the answer allows it', () => {
  assert.deepEqual(readAll(`${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`).ends, [false]);
  assert.deepEqual(readAll('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n').ends, [false]);
  assert.deepEqual(readAll('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n').ends, [true]);
});

test('bytes after the end are not taken for the next answer, and the connection is given up (RFC 9112 section 9.2)', () => {
  const seen = readAll(`${OK}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`);
  assert.equal(seen.body, 'ok');
  assert.equal(seen.heads.length, 1);
  assert.deepEqual(seen.ends, [false]);
});

test('an end within a length-framed or chunked answer is not a proper end', () => {
  for (const text of [
    `${OK}Content-Length: 5\r\n\r\nhel`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
    'HTTP/1.1 2',
  ]) {
    const reader = new ResponseReader({ responseHead: () => {}, responseData: () => {}, responseEnd: () => {} });
    reader.expect(false);
    reader.read(Buffer.from(text));
    assert.equal(reader.ended(), false, text);
  }
});

const REFUSED: [string, string][] = [
  ['length and chunked together', `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['two different lengths', `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`],
  ['a signed length', `${OK}Content-Length: +5\r\n\r\n`],
  ['a listed length', `${OK}Content-Length: 5, 5\r\n\r\n`],
  ['an empty length', `${OK}Content-Length:\r\n\r\n`],
  ['a length beyond exact numbers', `${OK}Content-Length: 99999999999999999999\r\n\r\n`],
  ['chunked that is not last', `${OK}Transfer-Encoding: chunked, gzip\r\n\r\n`],
  ['an unknown coding', `${OK}Transfer-Encoding: gzip\r\n\r\n`],
  ['chunked twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['chunked on HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a blank before the colon', `${OK}Content-Length : 5\r\n\r\n`],
  ['a folded field', `${OK}X: a\r\n b\r\n\r\n`],
  ['a bare CR in a field', `${OK}X: a\rb\r\n\r\n`],
  ['a bare LF between fields', `${OK}X: a\nY: b\r\n\r\n`],
  ['a NUL in a field', `${OK}X: a\0\r\n\r\n`],
  ['an empty field name', `${OK}: a\r\n\r\n`],
  ['no colon', `${OK}nonsense\r\n\r\n`],
  ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['a short status', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a long status', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 X\r\n\r\n'],
  ['101 without an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['endless interim answers', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(40)],
  ['a signed chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n`],
  ['a prefixed chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n`],
  ['an empty chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n`],
  ['a huge chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\nhello\r\n`],
  ['a blank after a chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n`],
  ['a bare LF after a chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n`],
  ['a bare CR in a chunk extension', `${OK}Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n`],
  ['a chunk longer than its size', `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n`],
  ['a bad trailer', `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nX : a\r\n\r\n`],
  ['too many fields', `${OK}${'a: b\r\n'.repeat(600)}\r\n`],
  ['a head above 64 KiB', `${OK}X: ${'a'.repeat(70_000)}\r\n\r\n`],
];
for (const [what, text] of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(() => readAll(text), ResponseSyntaxError);
    assert.throws(() => readAll(text, [1]), ResponseSyntaxError);
  });
}

test('an endless head and an endless chunk line are given up, not collected', () => {
  const filler = 'a'.repeat(80_000);
  assert.throws(() => readAll(`${OK}X: ${filler}`, [1000]), ResponseSyntaxError);
  assert.throws(() => readAll(`${OK}Transfer-Encoding: chunked\r\n\r\n1;${filler}`, [1000]), ResponseSyntaxError);
});

test('no bytes make the reader throw anything but its own error, or report an end without a head', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('', OK, `${OK}Transfer-Encoding: chunked\r\n\r\n`),
      (tail, start) => {
        try {
          const seen = readAll(start + Buffer.from(tail).toString('latin1'), [7]);
          assert.ok(seen.ends.length <= seen.heads.length);
        } catch (error) {
          assert.ok(error instanceof ResponseSyntaxError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
