import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addGatewayFields,
  RequestFields,
  ResponseFields,
  readRequestFields,
  readResponseFields,
} from '../../../src/worker/proxy/fields.ts';

const MAX_FIELDS = 200;

function read(...raw: string[]): { refusal: string | null; found: RequestFields } {
  const found = new RequestFields();
  return { refusal: readRequestFields(raw, MAX_FIELDS, found), found };
}

function forwarded(...raw: string[]): string[] {
  const { refusal, found } = read(...raw);
  assert.equal(refusal, null);
  return found.forward;
}

function answered(...raw: string[]): ResponseFields {
  const found = new ResponseFields();
  readResponseFields(raw, 'id-1', found);
  return found;
}

test("order, spelling and repetition of what passes are the client's", () => {
  const raw = ['X-b', '1', 'x-A', '2', 'X-B', '3', 'Accept', '*/*', 'COOKIE', 'a=1', 'Cookie', 'b=2', 'X-Empty', ''];
  assert.deepEqual(forwarded('Host', 'h', ...raw), raw);
});

test('hop-by-hop fields end here, in any spelling', () => {
  for (const name of [
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'Proxy-Authenticate',
    'TE',
    'Trailer',
    'UPGRADE',
    'http2-settings',
  ]) {
    assert.deepEqual(forwarded('Host', 'h', name, 'x', name.toUpperCase(), 'y', 'X-Kept', 'z'), ['X-Kept', 'z'], name);
  }
});

test('fields that a Connection option names end here, those of several Connection fields too', () => {
  assert.deepEqual(
    forwarded('X-One', '1', 'Connection', 'close, x-one', 'X-Two', '2', 'connection', ' X-TWO ,, ', 'X-Three', '3'),
    ['X-Three', '3'],
  );
});

test('a Connection option cannot take away credentials or what the body means', () => {
  const raw = [
    'Authorization',
    'Bearer t',
    'Cookie',
    'a=1',
    'Content-Type',
    'text/plain',
    'Content-Encoding',
    'br',
    'Cache-Control',
    'no-store',
  ];
  const names = raw.filter((_part, at) => at % 2 === 0).join(', ');
  assert.deepEqual(forwarded('Connection', names, ...raw), raw);
});

test("what a Connection option names before Weir adds its own is gone, and Weir's own stays", () => {
  const { found } = read(
    'Connection',
    'host, x-forwarded-for, x-request-id, traceparent, via, content-length',
    'X-Forwarded-For',
    '6.6.6.6',
    'Via',
    '1.1 other',
    'X-Request-Id',
    'theirs',
    'Host',
    'h',
    'Content-Length',
    '5',
  );
  assert.deepEqual(found.forward, []);
  assert.equal(found.host, 'h');
  assert.equal(found.contentLength, 5);
  addGatewayFields(found.forward, 'up:1', '1.2.3.4', 'http', 'h', 'id', 'tp', null, false);
  assert.deepEqual(found.forward, [
    'host',
    'up:1',
    'x-forwarded-for',
    '1.2.3.4',
    'x-forwarded-proto',
    'http',
    'x-forwarded-host',
    'h',
    'x-request-id',
    'id',
    'traceparent',
    'tp',
    'via',
    '1.1 weir',
  ]);
});

test('claims that only a gateway may make are not passed on, nor are their underscore twins', () => {
  const claims = [
    'Forwarded',
    'X-Real-IP',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X-Forwarded-Client-Cert',
    'Client-Cert',
  ];
  const twins = [
    'X_Forwarded_For',
    'x_forwarded-proto',
    'X-Forwarded_Host',
    'x_request_id',
    'CONTENT_LENGTH',
    'Transfer_Encoding',
    'X_Real_IP',
    'Proxy_Authorization',
  ];
  for (const name of [...claims, ...twins]) assert.deepEqual(forwarded('Host', 'h', name, '1'), [], name);
  // an underscore alone is no crime
  assert.deepEqual(forwarded('Host', 'h', 'x_trace', '1', 'user_id', '2'), ['x_trace', '1', 'user_id', '2']);
});

test('framing is read exactly or refused', () => {
  assert.equal(read('Content-Length', '12').found.contentLength, 12);
  assert.equal(read('Transfer-Encoding', 'Chunked').found.chunked, true);
  for (const value of ['', '+1', '-1', '1 ', '0x10', '1,1', '1e3', '٣'])
    assert.equal(read('Content-Length', value).refusal, 'bad_request', value);
  assert.equal(read('Content-Length', '99999999999999999999').refusal, 'body_too_large');
  assert.equal(read('Content-Length', '5', 'content-length', '5').refusal, 'bad_request');
  for (const value of ['gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', '', 'chunked ']) {
    assert.equal(read('Transfer-Encoding', value).refusal, 'bad_request', value);
  }
  assert.equal(read('Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked').refusal, 'bad_request');
  assert.equal(read('Transfer-Encoding', 'chunked', 'Content-Length', '5').refusal, 'bad_request');
  assert.equal(read('Content-Length', '5', 'Transfer-Encoding', 'chunked').refusal, 'bad_request');
});

test('Host may come once', () => {
  assert.equal(read('Host', 'a', 'host', 'a').refusal, 'bad_host');
  assert.equal(read().found.host, null);
});

test('only 100-continue can be expected', () => {
  assert.equal(read('Expect', '100-Continue').found.expectsContinue, true);
  for (const value of ['200-ok', '', '100-continue, x'])
    assert.equal(read('Expect', value).refusal, 'expectation_failed', value);
});

test('TE: trailers is noted and no other coding passes', () => {
  assert.equal(read('TE', 'gzip, Trailers').found.acceptsTrailers, true);
  assert.equal(read('TE', 'gzip').found.acceptsTrailers, false);
  const { found } = read('TE', 'gzip, trailers', 'Connection', 'TE');
  addGatewayFields(found.forward, 'h', 'a', 'http', 'h', 'id', 'tp', null, found.acceptsTrailers);
  assert.deepEqual(found.forward.slice(-2), ['te', 'trailers']);
});

test('what the exchange needs to know is found', () => {
  const { found } = read(
    'X-Forwarded-For',
    '1.1.1.1',
    'x-forwarded-for',
    '2.2.2.2',
    'X-Forwarded-Proto',
    'https',
    'X-Forwarded-Host',
    'pub',
    'X-Request-Id',
    'r',
    'traceparent',
    't',
  );
  assert.equal(found.forwardedFor, '1.1.1.1, 2.2.2.2');
  assert.equal(found.forwardedProto, 'https');
  assert.equal(found.forwardedHost, 'pub');
  assert.equal(found.requestId, 'r');
  assert.equal(found.traceparent, 't');
});

test('two of a field that must be one count as none', () => {
  assert.equal(read('traceparent', 'a', 'traceparent', 'b').found.traceparent || null, null);
  assert.equal(read('traceparent', 'a', 'traceparent', 'b', 'traceparent', 'c').found.traceparent || null, null);
});

test('tracestate is told apart from what passes: it belongs to a trace that may not be continued', () => {
  const { found } = read('tracestate', 'a=1', 'TraceState', 'b=2', 'Connection', 'tracestate');
  assert.deepEqual(found.forward, []);
  assert.equal(found.tracestate, 'a=1,b=2');
  addGatewayFields(found.forward, 'h', 'a', 'http', 'h', 'id', 'tp', found.tracestate, false);
  assert.deepEqual(found.forward.slice(-2), ['tracestate', 'a=1,b=2']);
});

test('our own entries in Via are counted, and Via passes', () => {
  assert.equal(read('Via', '1.1 weir').found.ownVias, 1);
  assert.equal(read('Via', '1.1 a, 1.1  weir , 2 weir', 'via', '1.1 weir (x)').found.ownVias, 3);
  assert.equal(read('Via', '1.1 weirdo, 1.1 our-weir').found.ownVias, 0);
  assert.deepEqual(forwarded('Via', '1.1 weir'), ['Via', '1.1 weir']);
});

test('the limit of fields counts fields, not list entries', () => {
  const raw = Array.from({ length: MAX_FIELDS }, (_, at) => [`x-${at}`, '1']).flat();
  assert.equal(read(...raw).refusal, null);
  assert.equal(read(...raw, 'x-more', '1').refusal, 'headers_too_large');
});

test('a flood of spellings changes no treatment', () => {
  for (let at = 0; at < 3000; at++) assert.deepEqual(forwarded(`x-flood-${at}`, '1'), [`x-flood-${at}`, '1']);
  assert.deepEqual(forwarded('pRoXy-cOnNeCtIoN', '1', 'kEEp-Alive', '2'), []);
  assert.equal(read('hOsT', 'h').found.host, 'h');
});

test('an answer loses its framing and hop-by-hop fields and gains ours', () => {
  const answer = answered(
    'Content-Type',
    'text/plain',
    'Transfer-Encoding',
    'chunked',
    'Connection',
    'close, X-Hop',
    'X-Hop',
    '1',
    'Keep-Alive',
    'timeout=5',
    'Set-Cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'Proxy-Authenticate',
    'Basic',
    'Trailer',
    'x',
    'Upgrade',
    'h2c',
    'X-Request-Id',
    'theirs',
    'Via',
    '1.1 cdn',
  );
  assert.deepEqual(answer.forward, [
    'Content-Type',
    'text/plain',
    'Set-Cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'Via',
    '1.1 cdn',
    'via',
    '1.1 weir',
    'x-request-id',
    'id-1',
  ]);
  assert.equal(answer.invalid, false);
  assert.equal(answer.contentLength, -1);
});

test('an answer may come as bytes, and latin1 stays latin1', () => {
  const found = new ResponseFields();
  readResponseFields([Buffer.from('X-Name'), Buffer.from([0xe9, 0x41])], 'id', found);
  assert.deepEqual(found.forward.slice(0, 2), ['X-Name', '\xe9A']);
});

test("an answer's length is read exactly, repeated only if equal", () => {
  assert.equal(answered('content-length', '7').contentLength, 7);
  assert.equal(answered('content-length', '7', 'Content-Length', '7').contentLength, 7);
  assert.equal(answered('content-length', '7', 'Content-Length', '8').invalid, true);
  for (const value of ['+7', '7,7', '', '-1']) assert.equal(answered('content-length', value).invalid, true, value);
});

// ── properties ─────────────────────────────────────────────────────────────────────────────────────────────────────

const HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];
const OWNED = [
  'host',
  'content-length',
  'expect',
  'forwarded',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-request-id',
  'traceparent',
  'tracestate',
];
const PLAIN = ['accept', 'x-a', 'x-b', 'x_c', 'user-agent', 'via', 'x-forwarded', 'forwarded-for', 'hostx'];
const PROTECTED = ['authorization', 'cookie', 'content-type', 'content-encoding', 'cache-control'];

const spelled = (name: string) =>
  fc
    .infiniteStream(fc.boolean())
    .map((upper) => [...name].map((char) => (upper.next().value ? char.toUpperCase() : char)).join(''));
const anyName = fc
  .constantFrom(...HOP, ...OWNED, ...PLAIN, ...PROTECTED)
  .chain((name) => fc.oneof(spelled(name), spelled(name.replaceAll('-', '_')), fc.constant(name)));
const options = fc.array(anyName, { maxLength: 4 }).map((names) => names.join(', '));
const field = anyName.chain((name) => {
  const lower = name.toLowerCase();
  if (lower === 'connection') return fc.tuple(fc.constant(name), options);
  if (lower === 'content-length') return fc.tuple(fc.constant(name), fc.constant('5'));
  if (lower === 'transfer-encoding') return fc.tuple(fc.constant(name), fc.constant('chunked'));
  if (lower === 'expect') return fc.tuple(fc.constant(name), fc.constant('100-continue'));
  return fc.tuple(fc.constant(name), fc.string({ maxLength: 6 }));
});

test('nothing that is hop-by-hop, ours or nominated ever passes; everything else does, in order', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 12 }), (fieldsIn) => {
      const { refusal, found } = read(...fieldsIn.flat());
      if (refusal !== null) return;
      const nominated = new Set(
        fieldsIn
          .filter(([name]) => name.toLowerCase() === 'connection')
          .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase())),
      );
      const never = new Set([...HOP, ...OWNED]);
      const expected = fieldsIn.filter(([name]) => {
        const lower = name.toLowerCase();
        if (never.has(lower)) return false;
        // the twin of `via` is `via` itself; a twin without a namesake of ours is an ordinary field
        if (lower.includes('_') && never.has(lower.replaceAll('_', '-'))) return false;
        return !nominated.has(lower) || PROTECTED.includes(lower);
      });
      assert.deepEqual(found.forward, expected.flat());
    }),
    { numRuns: 2000 },
  );
});

test('nothing that is hop-by-hop or nominated passes back to the client', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 12 }), (fieldsIn) => {
      const found = answered(...fieldsIn.flat());
      const nominated = new Set(
        fieldsIn
          .filter(([name]) => name.toLowerCase() === 'connection')
          .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase())),
      );
      const own = found.forward.splice(-4);
      assert.deepEqual(own, ['via', '1.1 weir', 'x-request-id', 'id-1']);
      for (let at = 0; at < found.forward.length; at += 2) {
        const lower = found.forward[at]!.toLowerCase();
        assert.ok(
          ![
            'connection',
            'keep-alive',
            'proxy-connection',
            'te',
            'trailer',
            'transfer-encoding',
            'upgrade',
            'content-length',
            'x-request-id',
          ].includes(lower),
          lower,
        );
        assert.ok(!nominated.has(lower) || PROTECTED.includes(lower), `${lower} was nominated`);
      }
    }),
    { numRuns: 1000 },
  );
});
