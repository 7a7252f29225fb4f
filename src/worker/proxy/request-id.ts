// X-Request-Id: the name of one request in the answer, the log and the upstream's log. Called once per request.
// A minted one is a UUID of version 7 (RFC 9562 section 5.7): sorted by time, and within a process strictly rising.
import { randomHex } from './random-hex.ts';

const LENGTH_MAX = 128;
/** 12 bits beside the millisecond count the ids of that millisecond (RFC 9562 section 6.2, method 1) */
const COUNTER_MAX = 0xfff;

/** 1 for the characters that may pass into logs and headers: [A-Za-z0-9._:/+=@-] */
const SAFE = new Uint8Array(128);
for (let code = 0; code < 128; code++) if (/[A-Za-z0-9._:/+=@-]/.test(String.fromCharCode(code))) SAFE[code] = 1;

const COUNTER_HEX = Array.from({ length: COUNTER_MAX + 1 }, (_, count) => count.toString(16).padStart(3, '0'));
const VARIANT = ['8', '9', 'a', 'b'];

let lastMs = 0;
let counter = 0;
let variant = 0;
/** `018f2c5e-7b1a-7`: everything that is the same within a millisecond */
let prefix = '';

/**
 * @param inbound the client's X-Request-Id, null = none or more than one
 * @param peerTrusted whether the peer is one of `trusted_proxies`; nobody else may choose how we call a request
 */
export function requestId(inbound: string | null, peerTrusted: boolean): string {
  if (peerTrusted && inbound !== null && isSafe(inbound)) return inbound;
  return mint();
}

function isSafe(id: string): boolean {
  if (id.length === 0 || id.length > LENGTH_MAX) return false;
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at);
    if (code > 127 || SAFE[code] === 0) return false;
  }
  return true;
}

function mint(): string {
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    startMillisecond(nowMs);
  } else if (++counter > COUNTER_MAX) {
    // more than the millisecond has room for, or the clock was set back: run ahead of it
    startMillisecond(lastMs + 1);
  }
  variant = (variant + 1) & 3;
  return `${prefix}${COUNTER_HEX[counter]}-${VARIANT[variant]}${randomHex(3)}-${randomHex(12)}`;
}

function startMillisecond(ms: number): void {
  lastMs = ms;
  const hex = ms.toString(16).padStart(12, '0');
  prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
  // from the lower half, so that there is room to count up
  counter = Number.parseInt(randomHex(3), 16) >> 1;
}
