import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requestId } from '../../../src/worker/proxy/request-id.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('a safe id from a trusted peer is kept', () => {
  for (const id of ['a', 'Root=1-67891233-abcdef012345678912345678', 'x'.repeat(128), 'a.b_c:d/e+f=g@h-i']) {
    assert.equal(requestId(id, true), id);
  }
});

test('an id from anybody else is replaced', () => {
  assert.match(requestId('chosen-by-client', false), UUID_V7);
  assert.match(requestId(null, true), UUID_V7);
});

test('an id that is empty, too long or unsafe is replaced even from a trusted peer', () => {
  for (const id of ['', 'x'.repeat(129), 'a b', 'a,b', 'a"b', 'a\r\nb', 'é', '<a>', 'a;b', '\u{1f600}']) {
    assert.match(requestId(id, true), UUID_V7, JSON.stringify(id));
  }
});

test('the characters that are kept are exactly the safe ones', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 140 }), (id) => {
      assert.equal(requestId(id, true) === id, /^[A-Za-z0-9._:/+=@-]{1,128}$/.test(id));
    }),
  );
});

test('minted ids rise strictly and carry the time', () => {
  const before = Date.now();
  let last = requestId(null, false);
  // more than one millisecond has room for
  for (let index = 0; index < 20_000; index++) {
    const id = requestId(null, false);
    assert.match(id, UUID_V7);
    assert.ok(id.slice(0, 18) > last.slice(0, 18), `${last} then ${id}`);
    last = id;
  }
  const ms = Number.parseInt(last.slice(0, 8) + last.slice(9, 13), 16);
  assert.ok(ms >= before && ms <= Date.now() + 20, String(ms - before));
});

test('minted ids still rise when the clock is set back', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 60_000 });
  const ahead = requestId(null, false);
  t.mock.timers.setTime(Date.now() - 3_600_000);
  assert.ok(requestId(null, false).slice(0, 18) > ahead.slice(0, 18));
});
