// The request target, read once: the path and the query that this gives are what routes are matched against, what
// policies see and what is forwarded. There is no second view of the URL anywhere (Traefik's and Envoy's "split view"
// bypasses, CVE-2025-66490, CVE-2021-29492). Called per request by the server, per config path by the router.
// Sources: RFC 9112 section 3.2 (forms of the target), RFC 3986 sections 2.3 (unreserved), 5.2.4 (dot segments).
import { readHost } from './host.ts';

/** A reader's scratch object: one per connection or worker, filled anew by each readTarget(). */
export class Target {
  /** canonical, begins with `/`; or `*`, which only OPTIONS may ask for */
  path = '/';
  /** `''` or `?…`, byte for byte as the client sent it */
  search = '';
  /** `host[:port]` as written in an absolute-form target, else null. It must agree with the Host field. */
  authority: string | null = null;
  /** the path holds `%2F` or `%5C`: refuse it unless the route allows encoded slashes */
  encodedSlash = false;
}

// What a code means inside a path. Everything up to GOOD is copied as it is.
const GOOD = 0;
const DOT = 1;
const PERCENT = 2;
const QUESTION = 3;
const BAD = 4;

const SLASH_CODE = 0x2f;
const QUESTION_CODE = 0x3f;
const PERCENT_CODE = 0x25;
const DOT_CODE = 0x2e;
const SEMICOLON_CODE = 0x3b;

const PATH = new Uint8Array(128);
/** 1 where a code may not stand in a query: controls, blank, `#`; other codes pass untouched */
const QUERY_BAD = new Uint8Array(128);
/** value of a hex digit, 255 for other codes */
const HEX = new Uint8Array(128).fill(255);
/** 1 for ALPHA, DIGIT, `-`, `.`, `_`, `~` */
const UNRESERVED = new Uint8Array(128);

for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  const control = code <= 0x20 || code === 0x7f;
  if (control || char === '#') QUERY_BAD[code] = 1;
  if (control || char === '#' || char === '\\') PATH[code] = BAD;
  if (/[A-Za-z0-9._~-]/.test(char)) UNRESERVED[code] = 1;
  if (/[0-9A-Fa-f]/.test(char)) HEX[code] = Number.parseInt(char, 16);
}
PATH[DOT_CODE] = DOT;
PATH[PERCENT_CODE] = PERCENT;
PATH[QUESTION_CODE] = QUESTION;

/**
 * Reads origin form (`/a?b`), absolute form (`http://host/a?b`) and `*` into `into`.
 * A target without escapes and dot segments costs one scan and allocates slices only.
 *
 * @param raw the target as it stood in the request line
 * @returns null, or the reason to answer with; `into` then holds rubbish. `..` above the root is refused, not clamped:
 *   no honest client sends it (RFC 3986 resolves it before sending), and where it is clamped a cache or firewall in
 *   front of Weir may have judged another path than the one that Weir serves.
 */
export function readTarget(raw: string, into: Target): 'bad_target' | null {
  into.authority = null;
  into.encodedSlash = false;
  if (raw.charCodeAt(0) !== SLASH_CODE) return readOtherForm(raw, into);
  return readOriginForm(raw, into);
}

function readOriginForm(raw: string, into: Target): 'bad_target' | null {
  const length = raw.length;
  let plain = true;
  let at = 1;
  for (; at < length; at++) {
    const code = raw.charCodeAt(at);
    if (code > 127) return 'bad_target';
    const kind = PATH[code] as number;
    if (kind === GOOD) continue;
    if (kind === QUESTION) break;
    if (kind === BAD) return 'bad_target';
    if (kind === PERCENT || (raw.charCodeAt(at - 1) === SLASH_CODE && beginsDotSegment(raw, at))) plain = false;
  }
  for (let query = at + 1; query < length; query++) {
    const code = raw.charCodeAt(query);
    if (code > 127 || QUERY_BAD[code] === 1) return 'bad_target';
  }
  if (at === length) {
    into.search = '';
    into.path = raw;
  } else {
    into.search = raw.slice(at);
    into.path = raw.slice(0, at);
  }
  return plain ? null : readUnplain(into);
}

/** Whether the dot at `at`, which follows a slash, may begin a dot segment; `/.well-known` does not. */
function beginsDotSegment(raw: string, at: number): boolean {
  let next = at + 1;
  if (raw.charCodeAt(next) === DOT_CODE) next++;
  if (next >= raw.length) return true;
  const code = raw.charCodeAt(next);
  return code === SLASH_CODE || code === QUESTION_CODE || code === SEMICOLON_CODE || code === PERCENT_CODE;
}

/** Escapes first, dot segments after: `%2e%2e` is a dot segment too. */
function readUnplain(into: Target): 'bad_target' | null {
  const decoded = into.path.includes('%') ? normaliseEscapes(into.path) : into.path;
  if (decoded === null) return 'bad_target';
  const path = removeDotSegments(decoded);
  if (path === null) return 'bad_target';
  into.path = path;
  into.encodedSlash = path.includes('%2F') || path.includes('%5C');
  return null;
}

/** Unreserved escapes become their character, all others upper case; null on a bad escape or `%00`. */
function normaliseEscapes(path: string): string | null {
  let out = '';
  let copied = 0;
  for (let at = path.indexOf('%'); at !== -1; at = path.indexOf('%', at + 3)) {
    // the scan has refused codes above 127; past the end charCodeAt is NaN and the table gives undefined
    const high = HEX[path.charCodeAt(at + 1)] ?? 255;
    const low = HEX[path.charCodeAt(at + 2)] ?? 255;
    if (high === 255 || low === 255) return null;
    const code = high * 16 + low;
    if (code === 0) return null;
    out += path.slice(copied, at);
    out += UNRESERVED[code] === 1 ? String.fromCharCode(code) : path.slice(at, at + 3).toUpperCase();
    copied = at + 3;
  }
  return out + path.slice(copied);
}

/**
 * RFC 3986 section 5.2.4, but null where `..` would leave the root. Also null for dot segments in disguise, which a
 * servlet container or a decoding origin would follow although every proxy in between saw a plain name: `..;x`, and
 * `..` between encoded slashes (`x%2F..%2Fy`).
 */
function removeDotSegments(path: string): string | null {
  const kept: string[] = [];
  let trailing = false;
  for (let start = 1; start <= path.length; ) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    const segment = path.slice(start, end);
    trailing = segment === '.' || segment === '..';
    if (segment === '..') {
      if (kept.length === 0) return null;
      kept.pop();
    } else if (segment !== '.') {
      if (isDisguisedDotSegment(segment)) return null;
      kept.push(segment);
    }
    start = end + 1;
  }
  // `/a/.` and `/a/b/..` end in a slash
  if (trailing) kept.push('');
  return `/${kept.join('/')}`;
}

function isDisguisedDotSegment(segment: string): boolean {
  if (segment.startsWith('.;') || segment.startsWith('..;')) return true;
  if (!segment.includes('%2F') && !segment.includes('%5C')) return false;
  return segment.split(/%2F|%5C/).some((part) => part === '.' || part === '..');
}

/** Absolute form (RFC 9112 section 3.2.2) or `*`; authority form is CONNECT's alone and is refused with the rest. */
function readOtherForm(raw: string, into: Target): 'bad_target' | null {
  if (raw === '*') {
    into.path = '*';
    into.search = '';
    return null;
  }
  const scheme = /^https?:\/\//i.exec(raw);
  if (scheme === null) return 'bad_target';
  const start = scheme[0].length;
  let end = start;
  while (end < raw.length && !isAuthorityEnd(raw.charCodeAt(end))) end++;
  const authority = raw.slice(start, end);
  if (readHost(authority) === null) return 'bad_target';
  const rest = raw.slice(end);
  const fault = readOriginForm(rest.startsWith('/') ? rest : `/${rest}`, into);
  into.authority = authority;
  return fault;
}

function isAuthorityEnd(code: number): boolean {
  return code === SLASH_CODE || code === QUESTION_CODE || code === 0x23;
}

/**
 * Why readTarget() refuses `raw`, for people; null when it does not. Not for the hot path: `weir explain` and config
 * checks say it.
 */
export function targetFault(raw: string): string | null {
  if (readTarget(raw, new Target()) === null) return null;
  const path = raw.split('?', 1)[0] as string;
  if (/[^\x00-\x7f]/.test(raw)) return 'it holds characters that are not ASCII; they must be percent-encoded';
  if (/[\x00-\x20\x7f]/.test(raw)) return 'it holds a blank or a control character';
  if (raw.includes('#')) return 'it holds a fragment (#), which a client never sends';
  if (!/^(\/|https?:\/\/)/i.test(raw)) return 'it begins neither with / nor with http:// or https://';
  if (!raw.startsWith('/') && targetFault(raw.replace(/^https?:\/\/[^/?]*\/?/i, '/')) === null) {
    return 'its authority is not a valid host[:port]';
  }
  if (path.includes('\\')) return 'its path holds a backslash';
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 'its path holds a % that two hex digits do not follow';
  if (path.includes('%00')) return 'its path holds %00';
  return 'its path leaves the root with .., or hides a dot segment (..;x, %2F..%2F)';
}
