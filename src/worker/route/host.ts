// The Host field and the authority of an absolute target, as the one spelling that hosts of routes are compared by.
// Called per request by the server, per configured host by the router; answers are remembered, since a gateway sees
// few hosts many times. Sources: RFC 3986 section 3.2.2, RFC 9110 section 7.2, RFC 9112 section 3.2.
import { isIPv6 } from 'node:net';

/** Two generations of this many spellings are kept: a flood of random hosts evicts, and never grows, the memory. */
const GENERATION_SIZE = 512;
/** longest name in DNS, plus a trailing dot, a colon and five digits */
const LENGTH_MAX = 253 + 1 + 6;

// reg-name without pct-encoded: `%61.com` would be a second spelling of `a.com` that no resolver knows. Labels are not
// empty, so that `.a.com` is no subdomain of `a.com`. Port: *DIGIT.
const REG_NAME = /^([\w\-~!$&'()*+,;=]+(?:\.[\w\-~!$&'()*+,;=]+)*)\.?(?::(\d{0,5}))?$/;
const IP_LITERAL = /^\[([0-9A-Fa-f:.]+)\](?::(\d{0,5}))?$/;

let lastRaw = '';
let lastHost: string | null = null;
let young = new Map<string, string | null>();
let old = new Map<string, string | null>();

/**
 * @param raw `host[:port]` as the client wrote it
 * @returns lower case, without port and without one trailing dot, IPv6 in brackets and in its shortest form;
 *   null = invalid (to be answered with 400 bad_host). Equal hosts give the same string object while remembered.
 */
export function readHost(raw: string): string | null {
  if (raw === lastRaw) return lastHost;
  if (raw.length > LENGTH_MAX) return null;
  let host = young.get(raw);
  if (host === undefined) {
    host = old.get(raw);
    // a copy: `raw` may be a slice that would keep a whole 64 KiB target alive
    const key = Buffer.from(raw, 'latin1').toString('latin1');
    if (host === undefined) host = parseHost(key);
    remember(key, host);
  }
  lastRaw = raw;
  lastHost = host;
  return host;
}

function remember(raw: string, host: string | null): void {
  if (young.size >= GENERATION_SIZE) {
    old = young;
    young = new Map();
  }
  young.set(raw, host);
}

function parseHost(raw: string): string | null {
  const name = REG_NAME.exec(raw);
  if (name !== null) return portIsValid(name[2]) ? (name[1] as string).toLowerCase() : null;
  const literal = IP_LITERAL.exec(raw);
  if (literal === null || !isIPv6(literal[1] as string) || !portIsValid(literal[2])) return null;
  return new URL(`http://${raw}`).hostname;
}

function portIsValid(port: string | undefined): boolean {
  return port === undefined || Number(port) <= 65_535;
}
