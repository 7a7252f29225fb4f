// How hosts, paths, methods and header names are written in the configuration, and their canonical form: the one in
// which the router sees a request, so that what is configured can match. Called by the schema.
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { Refusal } from './refusal.ts';

export const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const TOKEN_ONLY = new RegExp(`^${TOKEN}$`);
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** A path that is canonical as it stands, which nearly all are: no escapes, parameters or dot segments. */
const PLAIN_PATH = /^(?:\/(?!\.)[A-Za-z0-9._~!$&'()*+,=:@-]*)+$/;
const PARAMETER = /^\{([A-Za-z_][A-Za-z0-9_]*)(\+?)\}$/;

/** `API.example.com.` → `api.example.com`; `*.Example.com`, IPv4 and `[::1]` pass. Ports are refused. */
export function readHostPattern(input: string): string | Refusal {
  const lower = input.toLowerCase().replace(/\.$/, '');
  if (lower.startsWith('[')) {
    const address = lower.slice(1, -1);
    return lower.endsWith(']') && isIPv6(address)
      ? lower
      : new Refusal('is not a host', 'An IPv6 address is written in brackets and without a port: [::1].');
  }
  if (isIPv4(lower)) return lower;
  if (/:\d*$/.test(lower)) {
    return new Refusal('must not name a port', 'Write the host alone: a route is served on every listener.');
  }
  const wildcard = lower.startsWith('*.');
  const name = domainToASCII(wildcard ? lower.slice(2) : lower);
  if (name.includes('*') || lower.includes('*', wildcard ? 1 : 0)) {
    return new Refusal(
      'may hold one * only, as its first label',
      'Write *.example.com: it matches every name below example.com.',
    );
  }
  if (!DNS_NAME.test(name)) return new Refusal('is not a host name', 'Write api.example.com or *.example.com.');
  return wildcard ? `*.${name}` : name;
}

/** An exact path or a template, with percent-encoding in the form that requests are brought into. */
export function readPath(input: string): string | Refusal {
  if (PLAIN_PATH.test(input)) return input;
  const fault = pathFault(input);
  if (fault !== null) return fault;
  const names = new Set<string>();
  const segments = input.split('/');
  const out: string[] = [];
  for (const [at, segment] of segments.entries()) {
    const parameter = PARAMETER.exec(segment);
    if (parameter === null) {
      if (/[{}]/.test(segment)) {
        return new Refusal(
          `has braces inside the segment "${segment}"`,
          'A parameter is a whole segment: /users/{id}, or {rest+} as the last one. A literal brace is %7B or %7D.',
        );
      }
      out.push(normaliseSegment(segment));
      continue;
    }
    const name = parameter[1] ?? '';
    if (names.has(name)) return new Refusal(`names the parameter {${name}} twice`);
    names.add(name);
    if (parameter[2] === '+' && at !== segments.length - 1) {
      return new Refusal(
        `has {${name}+} before its end`,
        'A greedy parameter takes the rest of the path, so it must be the last segment.',
      );
    }
    out.push(segment);
  }
  return out.join('/');
}

/** A literal path without parameters. The caller decides what a trailing slash means. */
export function readLiteralPath(input: string): string | Refusal {
  if (PLAIN_PATH.test(input)) return input;
  const fault = pathFault(input);
  if (fault !== null) return fault;
  if (/[{}]/.test(input)) {
    return new Refusal('has braces, but no parameters are possible here', 'A literal brace is written %7B or %7D.');
  }
  return input.split('/').map(normaliseSegment).join('/');
}

/** As readLiteralPath, without a trailing slash: `/users/` and `/users` are the same whole-segment prefix. */
export function readPrefix(input: string): string | Refusal {
  const path = readLiteralPath(input);
  if (path instanceof Refusal || path === '/') return path;
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

export function readMethod(input: string): string | Refusal {
  if (!TOKEN_ONLY.test(input)) return new Refusal('is not an HTTP method', 'Write GET, POST, PUT and so on.');
  const upper = input.toUpperCase();
  return input === upper ? input : new Refusal('must be in capitals', `Methods are case-sensitive: write ${upper}.`);
}

export function readHeaderName(input: string): string | Refusal {
  return TOKEN_ONLY.test(input) ? input.toLowerCase() : new Refusal(`"${input}" is not a header name`);
}

/** RFC 9110 section 5.5, without the obsolete line folding; beyond ASCII only what one byte can carry. */
export function readHeaderValue(input: string): string | Refusal {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(input)
    ? input
    : new Refusal('is not a header value', 'CR, LF, NUL and other control characters are not allowed in one.');
}

function pathFault(input: string): Refusal | null {
  if (!input.startsWith('/')) return new Refusal('must begin with /');
  if (/[?#]/.test(input)) {
    return new Refusal('must not hold ? or #', 'Query parameters have their own option: query: { name: value }.');
  }
  if (/[\x00-\x20\x7f\\]/.test(input)) {
    return new Refusal(
      'holds a blank, a control character or a backslash',
      'No valid request path has one; write them percent-encoded.',
    );
  }
  if (/%(?![0-9A-Fa-f]{2})/.test(input))
    return new Refusal('has a % that two hex digits do not follow', 'A literal % is written %25.');
  if (/%00/.test(input)) return new Refusal('holds %00, which is refused in every request');
  if (input.split(/\/|%2F|%5C/i).some((part) => /^(?:\.|%2e){1,2}(?:;|%3b|$)/i.test(part))) {
    return new Refusal(
      'has a "." or ".." segment',
      'They are removed from a request or refused before it is matched, so this could never match.',
    );
  }
  return null;
}

/** RFC 3986 section 6.2.2: unreserved characters decoded, other escapes in capitals; beyond ASCII as UTF-8 escapes. */
function normaliseSegment(segment: string): string {
  return segment
    .replace(/%[0-9A-Fa-f]{2}/g, (octet) => {
      const char = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
      return /[A-Za-z0-9._~-]/.test(char) ? char : octet.toUpperCase();
    })
    .replace(/[^\x00-\x7f]+/g, (text) => encodeURIComponent(text.toWellFormed()));
}
