// The grammar of HTTP/1.1 answers, element by element: strict readers without state. What two implementations could read
// in two ways is refused, not repaired (RFC 9112 sections 4 and 5). Called by the response reader.

/** The peer does not speak HTTP/1.1, or could be read in two ways. `code` is stable. */
export class ResponseSyntaxError extends Error {
  override readonly name = 'ResponseSyntaxError';
  readonly code = 'WEIR_BAD_RESPONSE';
}

export const CR = 13;
export const LF = 10;
/** What every answer begins with. */
export const STATUS_START = Buffer.from('HTTP/1.');
const MAX_FIELDS = 500;

/** RFC 9110 section 5.6.2: 1 where the code may stand in a field name. */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  TOKEN[char.charCodeAt(0)] = 1;

/** A peer of another protocol may never send an empty line: it is found out by its first bytes. */
export function checkStart(buffer: Buffer, at: number): void {
  const length = Math.min(STATUS_START.length, buffer.length - at);
  if (STATUS_START.compare(buffer, at, at + length, 0, length) !== 0)
    throw new ResponseSyntaxError('not an HTTP/1.x status line');
}

/** `HTTP/1.1 200 OK` → 200. The reason phrase may be missing, and its blank too. */
export function readStatus(line: string): number {
  if (!line.startsWith('HTTP/1.')) throw new ResponseSyntaxError('not an HTTP/1.x status line');
  const minor = line.charCodeAt(7);
  const hundreds = line.charCodeAt(9) - 48;
  const tens = line.charCodeAt(10) - 48;
  const units = line.charCodeAt(11) - 48;
  const wellFormed =
    (minor === 48 || minor === 49) &&
    line.charCodeAt(8) === 32 &&
    isDigit(hundreds) &&
    isDigit(tens) &&
    isDigit(units) &&
    (line.length === 12 || line.charCodeAt(12) === 32);
  const status = hundreds * 100 + tens * 10 + units;
  if (!wellFormed || status < 100) throw new ResponseSyntaxError('bad status line');
  for (let at = 13; at < line.length; at++)
    if (isForbidden(line.charCodeAt(at))) throw new ResponseSyntaxError('bad reason phrase');
  return status;
}

/** Field lines from `from` to the end of `head`, which has no final CRLF. Obs-fold, blanks before the colon, bare CR or LF: refused. */
export function readFields(head: string, from: number, fields: string[]): void {
  let at = from;
  while (at < head.length) {
    const nameStart = at;
    while (TOKEN[head.charCodeAt(at)] === 1) at += 1;
    if (at === nameStart || head.charCodeAt(at) !== 58) throw new ResponseSyntaxError('bad field name');
    const name = head.slice(nameStart, at);
    at += 1;
    while (isBlank(head.charCodeAt(at))) at += 1;
    const valueStart = at;
    let valueEnd = at;
    for (; at < head.length; at++) {
      const code = head.charCodeAt(at);
      if (code === CR) break;
      if (isForbidden(code)) throw new ResponseSyntaxError('control character in a field');
      if (!isBlank(code)) valueEnd = at + 1;
    }
    fields.push(name, head.slice(valueStart, valueEnd));
    if (fields.length > MAX_FIELDS * 2) throw new ResponseSyntaxError('too many fields');
    if (at < head.length) {
      if (head.charCodeAt(at + 1) !== LF) throw new ResponseSyntaxError('bare CR in a field');
      at += 2;
    }
  }
}

export function readLength(value: string): number {
  let length = 0;
  for (let at = 0; at < value.length; at++) {
    const digit = value.charCodeAt(at) - 48;
    if (!isDigit(digit)) throw new ResponseSyntaxError('bad Content-Length');
    length = length * 10 + digit;
  }
  if (value.length === 0 || !Number.isSafeInteger(length)) throw new ResponseSyntaxError('bad Content-Length');
  return length;
}

/** Index of the CR of the next CRLF; a bare LF before it is refused, a bare CR is found out by what follows. */
export function findCrLf(buffer: Buffer, from: number): number {
  const lf = buffer.indexOf(LF, from);
  if (lf < 0) return -1;
  if (lf === from || buffer[lf - 1] !== CR) throw new ResponseSyntaxError('bare LF');
  return lf - 1;
}

export function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** Controls but HTAB; latin1 above 127 is obs-text and passes. */
function isForbidden(code: number): boolean {
  return (code < 32 && code !== 9) || code === 127;
}
