import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerHead } from '../../../src/worker/server/answer-head.ts';

test('status line and fields are written as they are', () => {
  assert.equal(
    answerHead(200, '', ['X-A', '1', 'date', 'then', 'x-a', '2']),
    'HTTP/1.1 200 OK\r\nX-A: 1\r\ndate: then\r\nx-a: 2\r\n',
  );
});

test("the upstream's reason phrase is kept, the registered one stands in, an unknown status has none", () => {
  const line = (status: number, text: string) => answerHead(status, text, ['Date', 'x']).split('\r\n')[0];
  assert.equal(line(404, 'Nothing Here'), 'HTTP/1.1 404 Nothing Here');
  assert.equal(line(404, ''), 'HTTP/1.1 404 Not Found');
  assert.equal(line(404, 'Not Found'), 'HTTP/1.1 404 Not Found');
  assert.equal(line(299, ''), 'HTTP/1.1 299 ');
});

test('an answer without Date gets the current one, to the second', (t) => {
  const begin = Date.UTC(2030, 0, 1, 12, 0, 0, 900);
  t.mock.timers.enable({ apis: ['Date'], now: begin });
  const dated = () => /^date: (.*)$/m.exec(answerHead(200, '', []))?.[1]?.trim();
  assert.equal(dated(), 'Tue, 01 Jan 2030 12:00:00 GMT');
  t.mock.timers.setTime(begin + 99);
  assert.equal(dated(), 'Tue, 01 Jan 2030 12:00:00 GMT');
  t.mock.timers.setTime(begin + 100);
  assert.equal(dated(), 'Tue, 01 Jan 2030 12:00:01 GMT');
});
