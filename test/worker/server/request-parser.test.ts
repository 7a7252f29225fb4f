// Node's parser through the one file that knows its interface: if a Node version changes that, these tests say so.
import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { type TestContext, test } from 'node:test';
import {
  createRequestParser,
  type ParserEvents,
  type RequestParser,
} from '../../../src/worker/server/request-parser.ts';

interface Heard {
  parser: RequestParser;
  events: string[];
  heads: { method: string; target: string; headers: string[]; http11: boolean; upgrade: boolean; keepAlive: boolean }[];
}

function listen(t: TestContext, maxHeaderBytes = 16_384): Heard {
  const events: string[] = [];
  const heads: Heard['heads'] = [];
  const sink: ParserEvents = {
    requestBegan: () => events.push('began'),
    requestHead(method, target, headers, http11, upgrade, keepAlive) {
      events.push('head');
      heads.push({ method, target, headers, http11, upgrade, keepAlive });
    },
    requestData: (chunk) => events.push(`data ${chunk.toString('latin1')}`),
    requestEnd: () => events.push('end'),
    executed: () => {},
  };
  const parser = createRequestParser(sink, maxHeaderBytes);
  t.after(() => parser.close());
  return { parser, events, heads };
}

function feed({ parser }: Heard, text: string): string | null {
  const result = parser.execute(Buffer.from(text, 'latin1'));
  return result instanceof Error ? ((result as NodeJS.ErrnoException).code ?? 'error') : null;
}

test('every method that node:http knows has its own name', (t) => {
  for (const method of METHODS) {
    const heard = listen(t);
    feed(heard, `${method} ${method === 'CONNECT' ? 'a:1' : '/'} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal(heard.heads[0]?.method, method);
  }
});

test('a request is heard in order, however its bytes are cut', (t) => {
  const text =
    'POST /a?b HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-ONE: \xe9\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.0\r\n\r\n';
  for (const size of [1, 2, 7, 1000]) {
    const heard = listen(t);
    for (let at = 0; at < text.length; at += size) assert.equal(feed(heard, text.slice(at, at + size)), null);
    assert.deepEqual(heard.heads, [
      {
        method: 'POST',
        target: '/a?b',
        headers: ['Host', 'h', 'X-One', '1', 'x-ONE', '\xe9', 'Content-Length', '3'],
        http11: true,
        upgrade: false,
        keepAlive: true,
      },
      { method: 'GET', target: '/2', headers: [], http11: false, upgrade: false, keepAlive: false },
    ]);
    const body = heard.events.filter((event) => event.startsWith('data ')).map((event) => event.slice(5));
    assert.equal(body.join(''), 'abc');
    const order = heard.events.filter(
      (event, at) => !event.startsWith('data ') || at === heard.events.indexOf('head') + 1,
    );
    assert.deepEqual(
      order.map((event) => event.split(' ')[0]),
      ['began', 'head', 'data', 'end', 'began', 'head', 'end'],
    );
  }
});

test('heads with many fields come whole and in order, one after the other', (t) => {
  const heard = listen(t, 1 << 20);
  for (const count of [31, 32, 33, 64, 65, 300]) {
    const names = Array.from({ length: count }, (_, n) => `x-${n}`);
    assert.equal(feed(heard, `GET /${count} HTTP/1.1\r\n${names.map((name) => `${name}: v\r\n`).join('')}\r\n`), null);
    const head = heard.heads.at(-1)!;
    assert.equal(head.target, `/${count}`);
    assert.deepEqual(
      head.headers,
      names.flatMap((name) => [name, 'v']),
    );
  }
});

test('trailers are not taken for fields of this or the next request', (t) => {
  const heard = listen(t);
  const trailers = Array.from({ length: 40 }, (_, n) => `t-${n}: 1\r\n`).join('');
  feed(
    heard,
    `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailers}\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n`,
  );
  assert.deepEqual(
    heard.heads.map(({ target, headers }) => [target, headers.length]),
    [
      ['/', 2],
      ['/next', 2],
    ],
  );
});

test('what could be read in two ways is refused', (t) => {
  for (const bytes of [
    'GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n',
    'GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n',
    'GET / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n',
    'GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n',
    'GET / HTTP/1.1\r\nA: b\0c\r\n\r\n',
    'GET / HTTP/1.1\nHost: h\n\n',
    'GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n',
    'get / HTTP/1.1\r\n\r\n',
    'GET / HTTP/3.0\r\n\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n',
  ]) {
    assert.match(feed(listen(t), bytes) ?? 'accepted', /^HPE_/, JSON.stringify(bytes));
  }
});

test('a head above its limit is refused by a code of its own', (t) => {
  assert.equal(feed(listen(t, 1000), `GET / HTTP/1.1\r\nX: ${'x'.repeat(2000)}`), 'HPE_HEADER_OVERFLOW');
  assert.equal(feed(listen(t, 1000), `GET /${'x'.repeat(2000)}`), 'HPE_HEADER_OVERFLOW');
  assert.equal(feed(listen(t, 4000), `GET / HTTP/1.1\r\nX: ${'x'.repeat(2000)}\r\n\r\n`), null);
});

test('an upgrade and a CONNECT are told as such', (t) => {
  const heard = listen(t);
  feed(heard, 'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  assert.equal(heard.heads[0]?.upgrade, true);
  const tunnel = listen(t);
  feed(tunnel, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
  assert.equal(tunnel.heads[0]?.upgrade, true);
});
