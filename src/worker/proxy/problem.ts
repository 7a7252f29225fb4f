// The answers that Weir gives by itself: problem+json (RFC 9457) with Proxy-Status (RFC 9209). Everything but the
// request id is built once per reason. Called by the exchange for requests, by the server for what never became one.
import { FAILURES, failure, type Reason } from '../../shared/errors.ts';

interface Prebuilt {
  /** the JSON up to the request id */
  readonly bodyHead: string;
  readonly proxyStatus: string | null;
}

/** A stable name for each reason (RFC 9457 section 3.1.1); docs/errors.md lists them. */
const TYPE_BASE = 'urn:weir:problem:';

function prebuild(reason: Reason): Prebuilt {
  const { status, title, detail, proxyError } = failure(reason);
  const known = JSON.stringify({ type: TYPE_BASE + reason, title, status, detail, reason });
  return {
    bodyHead: `${known.slice(0, -1)},"instance":"`,
    proxyStatus: proxyError === null ? null : `weir; error=${proxyError}`,
  };
}

const PREBUILT = new Map<Reason, Prebuilt>(
  (Object.keys(FAILURES) as Reason[]).map((reason) => [reason, prebuild(reason)]),
);

/** The body. @param requestId safe characters only: it is not escaped */
export function problemBody(reason: Reason, requestId: string): string {
  return `${PREBUILT.get(reason)!.bodyHead}${requestId}"}`;
}

/**
 * The fields, flat, without framing.
 * @param retryAfterSeconds 0 = the table's own value
 * @param allow methods for `Allow`, with 405
 */
export function problemFields(
  reason: Reason,
  requestId: string,
  retryAfterSeconds: number,
  allow: string[] | null,
): string[] {
  const fields = ['content-type', 'application/problem+json', 'cache-control', 'no-store', 'x-request-id', requestId];
  const proxyStatus = PREBUILT.get(reason)!.proxyStatus;
  if (proxyStatus !== null) fields.push('proxy-status', proxyStatus);
  const wait = retryAfterSeconds > 0 ? retryAfterSeconds : failure(reason).retryAfterSeconds;
  if (wait > 0) fields.push('retry-after', String(wait));
  if (allow !== null) fields.push('allow', allow.join(', '));
  return fields;
}

/** A whole answer as bytes, for sockets on which no request was understood. Says `Connection: close`. */
export function rawProblem(reason: Reason, requestId: string): string {
  const body = problemBody(reason, requestId);
  const fields = problemFields(reason, requestId, 0, null);
  let head = `HTTP/1.1 ${failure(reason).status} ${failure(reason).title}\r\n`;
  for (let at = 0; at < fields.length; at += 2) head += `${fields[at]}: ${fields[at + 1]}\r\n`;
  return `${head}content-length: ${body.length}\r\ndate: ${new Date().toUTCString()}\r\nconnection: close\r\n\r\n${body}`;
}
