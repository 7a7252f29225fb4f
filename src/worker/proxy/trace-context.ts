// W3C Trace Context, level 1: the traceparent of a request is continued when it is valid and minted when it is not, with
// a span id of our own either way. Called once per request; whether the span is recorded is decided by observe/.
// Source: https://www.w3.org/TR/trace-context-1/ section 3.2.
import { randomHex } from './random-hex.ts';

export interface TraceContext {
  /** to be sent upstream; its span id is ours */
  traceparent: string;
  /** 32 hex digits */
  traceId: string;
  /** the caller asked for the trace to be recorded; false for a minted one */
  sampled: boolean;
  /** false: minted, and the inbound tracestate, which belongs to another trace, must not be sent on */
  continued: boolean;
}

// version "-" trace-id "-" parent-id "-" trace-flags
const TRACE_ID_START = 3;
const PARENT_ID_START = 36;
const FLAGS_START = 53;
const LENGTH = 55;
const DASH_CODE = 0x2d;
const ZERO_CODE = 0x30;

/** value of a lower-case hex digit, 255 for other codes; upper case is invalid in traceparent */
const HEX = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) HEX[digit.toString(16).charCodeAt(0)] = digit;

/** @param header the only traceparent field; null = none, or more than one (which counts as none) */
export function continueTrace(header: string | null): TraceContext {
  if (header === null || !isValid(header)) {
    const traceId = randomHex(32);
    return { traceparent: `00-${traceId}-${randomHex(16)}-00`, traceId, sampled: false, continued: false };
  }
  const traceId = header.slice(TRACE_ID_START, PARENT_ID_START - 1);
  const sampled = ((HEX[header.charCodeAt(FLAGS_START + 1)] as number) & 1) === 1;
  // we speak version 00: other flag bits, and what a newer version appended, are not ours to repeat
  return { traceparent: `00-${traceId}-${randomHex(16)}-${sampled ? '01' : '00'}`, traceId, sampled, continued: true };
}

function isValid(header: string): boolean {
  if (header.length < LENGTH) return false;
  if (header.charCodeAt(2) !== DASH_CODE || header.charCodeAt(PARENT_ID_START - 1) !== DASH_CODE) return false;
  if (header.charCodeAt(FLAGS_START - 1) !== DASH_CODE) return false;
  if (!isHex(header, 0, 2) || header.startsWith('ff')) return false;
  // a newer version may be longer, but only behind another dash (section 3.2.4)
  if (header.length > LENGTH && (header.startsWith('00') || header.charCodeAt(LENGTH) !== DASH_CODE)) return false;
  return (
    isHex(header, FLAGS_START, LENGTH) &&
    isId(header, TRACE_ID_START, PARENT_ID_START - 1) &&
    isId(header, PARENT_ID_START, FLAGS_START - 1)
  );
}

/** Hex and not all zero. */
function isId(header: string, start: number, end: number): boolean {
  if (!isHex(header, start, end)) return false;
  for (let at = start; at < end; at++) if (header.charCodeAt(at) !== ZERO_CODE) return true;
  return false;
}

function isHex(header: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = header.charCodeAt(at);
    if (code > 127 || HEX[code] === 255) return false;
  }
  return true;
}
