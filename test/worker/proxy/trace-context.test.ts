import assert from 'node:assert/strict';
import { test } from 'node:test';
import { continueTrace } from '../../../src/worker/proxy/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const VALID = `00-${TRACE}-${SPAN}-01`;
const MINTED = /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/;

test('a valid trace is continued under a span id of our own', () => {
  const trace = continueTrace(VALID);
  assert.equal(trace.traceId, TRACE);
  assert.equal(trace.sampled, true);
  assert.equal(trace.continued, true);
  assert.match(trace.traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  assert.ok(!trace.traceparent.includes(SPAN));
});

test('the sampled flag is the lowest bit, and no other flag is repeated', () => {
  for (const [flags, sampled] of [
    ['00', false],
    ['02', false],
    ['03', true],
    ['ff', true],
    ['fe', false],
  ] as const) {
    const trace = continueTrace(`00-${TRACE}-${SPAN}-${flags}`);
    assert.equal(trace.sampled, sampled, flags);
    assert.ok(trace.traceparent.endsWith(sampled ? '-01' : '-00'), flags);
  }
});

test('without a trace one is minted, not sampled', () => {
  const trace = continueTrace(null);
  assert.match(trace.traceparent, MINTED);
  assert.equal(trace.traceparent.slice(3, 35), trace.traceId);
  assert.equal(trace.sampled, false);
  assert.equal(trace.continued, false);
});

test('a newer version is read as version 00 and spoken as version 00', () => {
  for (const header of [
    `01-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01-what-the-future-brings`,
    `fe-${TRACE}-${SPAN}-01-`,
  ]) {
    const trace = continueTrace(header);
    assert.equal(trace.traceId, TRACE, header);
    assert.ok(trace.traceparent.startsWith(`00-${TRACE}-`), header);
    assert.equal(trace.traceparent.length, 55, header);
  }
});

test('an invalid trace is replaced by a new one', () => {
  const invalid = [
    '',
    'x',
    VALID.toUpperCase(),
    ` ${VALID}`,
    `${VALID} `,
    `${VALID}-00`,
    `${VALID}x`,
    VALID.slice(0, -1),
    `ff-${TRACE}-${SPAN}-01`,
    `0g-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.slice(1)}g-${SPAN}-01`,
    `00-${TRACE}-${SPAN.slice(1)}G-01`,
    `00-${TRACE}-${SPAN}-0x`,
    `00_${TRACE}-${SPAN}-01`,
    `00-${TRACE}_${SPAN}-01`,
    `00-${TRACE}-${SPAN}_01`,
    `01-${TRACE}-${SPAN}-01x`,
    `${VALID}, ${VALID}`,
    `00-${'é'.repeat(32)}-${SPAN}-01`,
  ];
  for (const header of invalid) {
    const trace = continueTrace(header);
    assert.equal(trace.continued, false, header);
    assert.match(trace.traceparent, MINTED, header);
    assert.notEqual(trace.traceId, TRACE, header);
  }
});

test('what we send is valid to the next hop, and ids do not repeat', () => {
  const seen = new Set<string>();
  for (let index = 0; index < 5000; index++) {
    const minted = continueTrace(null);
    const next = continueTrace(minted.traceparent);
    assert.equal(next.continued, true);
    assert.equal(next.traceId, minted.traceId);
    seen.add(minted.traceId).add(minted.traceparent.slice(36, 52)).add(next.traceparent.slice(36, 52));
  }
  assert.equal(seen.size, 15_000);
});
