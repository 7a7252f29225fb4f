// Header fields across the gateway, both directions, as flat [name, value, name, value…] lists end to end: no
// dictionary is ever built. One pass over the request's list checks it, remembers what the exchange needs and leaves
// what may be forwarded (RFC 9110 section 7.6.1). Called by the exchange, once per request and once per answer.
import type { Reason } from '../../shared/errors.ts';
import { removeFields } from '../../shared/field-list.ts';

/** What becomes of a field of this name. */
type Treatment =
  | 0 // forwarded as it is
  | 1 // never forwarded: hop-by-hop, or a claim that only Weir may make
  | 2 // Host
  | 3 // Content-Length
  | 4 // Transfer-Encoding
  | 5 // Connection
  | 6 // Expect
  | 7 // X-Forwarded-For
  | 8 // X-Forwarded-Proto
  | 9 // X-Forwarded-Host
  | 10 // X-Request-Id
  | 11 // traceparent
  | 12 // TE
  | 13 // Via: forwarded, and looked at for loops
  | 14; // tracestate

const DROPPED: Treatment = 1;

const TREATMENTS = new Map<string, Treatment>([
  ['keep-alive', DROPPED],
  ['proxy-connection', DROPPED],
  ['proxy-authenticate', DROPPED],
  ['proxy-authorization', DROPPED],
  ['proxy-authentication-info', DROPPED],
  ['proxy-status', DROPPED],
  ['trailer', DROPPED],
  ['upgrade', DROPPED],
  ['http2-settings', DROPPED],
  // claims about the client that an upstream would believe because the gateway is in front
  ['forwarded', DROPPED],
  ['x-forwarded-port', DROPPED],
  ['x-forwarded-server', DROPPED],
  ['x-forwarded-prefix', DROPPED],
  ['x-forwarded-ssl', DROPPED],
  ['x-real-ip', DROPPED],
  ['x-forwarded-client-cert', DROPPED],
  ['x-client-cert', DROPPED],
  ['client-cert', DROPPED],
  ['client-cert-chain', DROPPED],
  ['host', 2],
  ['content-length', 3],
  ['transfer-encoding', 4],
  ['connection', 5],
  ['expect', 6],
  ['x-forwarded-for', 7],
  ['x-forwarded-proto', 8],
  ['x-forwarded-host', 9],
  ['x-request-id', 10],
  ['traceparent', 11],
  ['te', 12],
  ['via', 13],
  ['tracestate', 14],
]);

/** Fields that a `Connection` option may not take away: identity and credentials would vanish on the client's word. */
const NOT_NOMINABLE = new Set(['authorization', 'cookie', 'cache-control', 'content-type', 'content-encoding']);

// Clients spell a name in the same way each time: the lower-casing and the look-up are paid once per spelling.
const MAX_SPELLINGS = 2048;
const spellings = new Map<string, Treatment>();

function treatmentOf(name: string): Treatment {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  // `X_Forwarded_For` becomes the same CGI variable as `X-Forwarded-For`: an underscore twin of a name that we own
  // would speak for us
  const lower = name.toLowerCase();
  let treatment = TREATMENTS.get(lower);
  if (treatment === undefined) {
    treatment = lower.includes('_') && TREATMENTS.has(lower.replaceAll('_', '-')) ? DROPPED : 0;
  }
  if (spellings.size < MAX_SPELLINGS) spellings.set(name, treatment);
  return treatment;
}

/** What one pass over a request's fields found. Reason tokens are those of shared/errors.ts. */
export class RequestFields {
  /** what may be forwarded, in order and in the client's spelling */
  forward: string[] = [];
  host: string | null = null;
  /** -1: none */
  contentLength = -1;
  chunked = false;
  expectsContinue = false;
  forwardedFor: string | null = null;
  forwardedProto: string | null = null;
  forwardedHost: string | null = null;
  requestId: string | null = null;
  traceparent: string | null = null;
  tracestate: string | null = null;
  /** `TE: trailers` was said */
  acceptsTrailers = false;
  /** how many of our own Via entries it carries: it has been here that often */
  ownVias = 0;

  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }
}

/** Our pseudonym in Via (RFC 9110 section 7.6.3). */
export const VIA_PSEUDONYM = 'weir';
const VIA = `1.1 ${VIA_PSEUDONYM}`;

/**
 * Reads a request's fields into `found`.
 * @param raw flat list as node:http gives it: llhttp has refused bad names, control characters, obs-fold, CL with TE
 * @param maxFields above it the request is refused (Node itself would silently drop the rest)
 * @returns why the request must be refused, or null
 */
export function readRequestFields(raw: readonly string[], maxFields: number, found: RequestFields): Reason | null {
  if (raw.length > maxFields * 2) return 'headers_too_large';
  const forward = found.forward;
  let connection: string | null = null;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    const value = raw[at + 1]!;
    switch (treatmentOf(name)) {
      case 0:
        forward.push(name, value);
        break;
      case 1:
        break;
      case 2:
        if (found.host !== null) return 'bad_host';
        found.host = value;
        break;
      case 3:
        // llhttp has refused repeated and malformed ones; checked again because the upstream framing rests on it
        if (found.contentLength >= 0 || !isDigits(value)) return 'bad_request';
        found.contentLength = Number(value);
        if (!Number.isSafeInteger(found.contentLength)) return 'body_too_large';
        break;
      case 4:
        // RFC 9112 section 6.1: anything but exactly `chunked` is framing that the next hop may read differently
        if (found.chunked || value.toLowerCase() !== 'chunked') return 'bad_request';
        found.chunked = true;
        break;
      case 5:
        connection = connection === null ? value : `${connection},${value}`;
        break;
      case 6:
        if (value.toLowerCase() !== '100-continue') return 'expectation_failed';
        found.expectsContinue = true;
        break;
      case 7:
        found.forwardedFor = found.forwardedFor === null ? value : `${found.forwardedFor}, ${value}`;
        break;
      case 8:
        found.forwardedProto = value;
        break;
      case 9:
        found.forwardedHost = value;
        break;
      case 10:
        found.requestId = value;
        break;
      case 11:
        // two of them: neither can be believed (W3C Trace Context section 3.2)
        found.traceparent = found.traceparent === null ? value : '';
        break;
      case 12:
        if (value.toLowerCase().includes('trailers')) found.acceptsTrailers = true;
        break;
      case 13:
        if (value.includes(VIA_PSEUDONYM)) found.ownVias += countOwn(value);
        forward.push(name, value);
        break;
      case 14:
        found.tracestate = found.tracestate === null ? value : `${found.tracestate},${value}`;
        break;
    }
  }
  if (found.chunked && found.contentLength >= 0) return 'bad_request';
  if (connection !== null && !isPlainConnection(connection)) removeNominated(forward, connection);
  return null;
}

function countOwn(via: string): number {
  let count = 0;
  for (const entry of via.split(',')) if (entry.trim().split(/\s+/, 2)[1] === VIA_PSEUDONYM) count += 1;
  return count;
}

/** The common values that nominate nothing beyond what is dropped anyway. */
function isPlainConnection(value: string): boolean {
  return (
    value === 'keep-alive' || value === 'close' || value === 'Keep-Alive' || value === 'Upgrade' || value === 'upgrade'
  );
}

/** Takes out every field that `Connection` names (RFC 9110 section 7.6.1), in place. */
function removeNominated(fields: string[], connection: string): void {
  const nominated = new Set<string>();
  for (const option of connection.split(',')) {
    const name = option.trim().toLowerCase();
    if (name !== '' && !NOT_NOMINABLE.has(name)) nominated.add(name);
  }
  removeFields(fields, nominated);
}

function isDigits(value: string): boolean {
  if (value.length === 0) return false;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** An upstream's answer, as far as its fields decide how it is passed on. */
export class ResponseFields {
  forward: string[] = [];
  /** -1: none */
  contentLength = -1;
  /** the answer is framed in a way that two readers may read differently */
  invalid = false;
}

type ResponseTreatment = 0 | 1 | 2 | 3;
const RESPONSE_TREATMENTS = new Map<string, ResponseTreatment>([
  ['keep-alive', 1],
  ['proxy-connection', 1],
  ['proxy-authenticate', 1],
  ['proxy-authentication-info', 1],
  ['te', 1],
  ['trailer', 1],
  ['transfer-encoding', 1],
  ['upgrade', 1],
  ['http2-settings', 1],
  // ours is the one that the client can find in our logs
  ['x-request-id', 1],
  ['content-length', 2],
  ['connection', 3],
]);
const responseSpellings = new Map<string, ResponseTreatment>();

/**
 * Reads an answer's fields into `found` and adds ours (Via, X-Request-Id).
 * @param raw flat list of Buffers or strings, as undici's controller.rawHeaders gives it
 */
export function readResponseFields(raw: readonly (Buffer | string)[], requestId: string, found: ResponseFields): void {
  const forward = found.forward;
  let connection: string | null = null;
  for (let at = 0; at < raw.length; at += 2) {
    const name = latin1(raw[at]!);
    const value = latin1(raw[at + 1]!);
    switch (responseTreatmentOf(name)) {
      case 0:
        forward.push(name, value);
        break;
      case 1:
        break;
      case 2:
        if (!isDigits(value) || (found.contentLength >= 0 && found.contentLength !== Number(value)))
          found.invalid = true;
        else found.contentLength = Number(value);
        break;
      case 3:
        connection = connection === null ? value : `${connection},${value}`;
        break;
    }
  }
  if (connection !== null && !isPlainConnection(connection)) removeNominated(forward, connection);
  forward.push('via', VIA, 'x-request-id', requestId);
}

function responseTreatmentOf(name: string): ResponseTreatment {
  let treatment = responseSpellings.get(name);
  if (treatment === undefined) {
    treatment = RESPONSE_TREATMENTS.get(name.toLowerCase()) ?? 0;
    if (responseSpellings.size < MAX_SPELLINGS) responseSpellings.set(name, treatment);
  }
  return treatment;
}

function latin1(value: Buffer | string): string {
  return typeof value === 'string' ? value : value.toString('latin1');
}

/** What Weir says of a request to the upstream, added after everything of the client's has been taken out. */
export function addGatewayFields(
  forward: string[],
  host: string,
  forwardedFor: string,
  forwardedProto: string,
  forwardedHost: string,
  requestId: string,
  traceparent: string,
  tracestate: string | null,
  acceptsTrailers: boolean,
): void {
  forward.push(
    'host',
    host,
    'x-forwarded-for',
    forwardedFor,
    'x-forwarded-proto',
    forwardedProto,
    'x-forwarded-host',
    forwardedHost,
    'x-request-id',
    requestId,
    'traceparent',
    traceparent,
    'via',
    VIA,
  );
  if (tracestate !== null) forward.push('tracestate', tracestate);
  if (acceptsTrailers) forward.push('te', 'trailers');
}
