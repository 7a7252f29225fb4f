// The one table of ways in which a request can fail. The answer's status, its problem+json body, the Proxy-Status
// header, the metric label, the log field and docs/errors.md are all read from here; nobody spells a reason elsewhere.
// Sources: RFC 9110 (status codes), RFC 9209 section 2.3 (Proxy-Status error types), RFC 9457 (problem details).

/** When another attempt at the upstream may follow this failure. */
export type Retryable =
  /** never: the upstream may have acted on the request, or another attempt would end the same way */
  | 'never'
  /** no byte of the request reached an application: any method may be tried elsewhere */
  | 'always'
  /** the request may have been acted on: only idempotent methods with a replayable body */
  | 'idempotent'
  /** this endpoint will fail again, another one may not */
  | 'other_endpoint';

export interface FailureDefinition {
  readonly status: number;
  /** RFC 9209 error type, or null where the failure is the client's own and no intermediary error type fits */
  readonly proxyError: string | null;
  readonly title: string;
  /** one sentence that is safe to show to any client */
  readonly detail: string;
  readonly retryable: Retryable;
  /** seconds for Retry-After when the failure does not know better; 0 = no header */
  readonly retryAfterSeconds: number;
  /** the client's connection is closed after the answer (its framing can no longer be trusted, or it must go away) */
  readonly closes: boolean;
  /** whose doing it was: the breaker and the outlier detector count 'upstream' only */
  readonly source: 'client' | 'gateway' | 'upstream';
}

type Flags = Partial<Pick<FailureDefinition, 'retryable' | 'retryAfterSeconds' | 'closes'>>;

function client(status: number, title: string, detail: string, flags: Flags = {}): FailureDefinition {
  return define('client', status, status === 404 || status === 405 ? null : 'http_request_error', title, detail, flags);
}

function gateway(status: number, error: string, title: string, detail: string, flags: Flags = {}): FailureDefinition {
  return define('gateway', status, error, title, detail, flags);
}

function upstream(status: number, error: string, title: string, detail: string, flags: Flags = {}): FailureDefinition {
  return define('upstream', status, error, title, detail, flags);
}

function define(
  source: FailureDefinition['source'],
  status: number,
  proxyError: string | null,
  title: string,
  detail: string,
  flags: Flags,
): FailureDefinition {
  return {
    source,
    status,
    proxyError,
    title,
    detail,
    retryable: 'never',
    retryAfterSeconds: 0,
    closes: false,
    ...flags,
  };
}

export const FAILURES = {
  // the client's doing
  bad_request: client(400, 'Bad request', 'The request is not valid HTTP.', { closes: true }),
  bad_target: client(400, 'Bad request target', 'The request target is not a valid path.'),
  bad_host: client(400, 'Bad host', 'The Host field is missing, repeated, malformed or disagrees with the target.', {
    closes: true,
  }),
  route_not_found: client(404, 'No route', 'No route matches this host and path.'),
  method_not_allowed: client(405, 'Method not allowed', 'The route exists, but not for this method.'),
  request_timeout: client(408, 'Request timeout', 'The request did not arrive in time.', { closes: true }),
  body_too_large: client(413, 'Body too large', 'The request body is larger than this gateway accepts.', {
    closes: true,
  }),
  url_too_long: client(414, 'URL too long', 'The request target is longer than this gateway accepts.', {
    closes: true,
  }),
  expectation_failed: client(417, 'Expectation failed', 'Only "100-continue" can be expected.', { closes: true }),
  headers_too_large: client(431, 'Headers too large', 'The request has too many or too large header fields.', {
    closes: true,
  }),
  rate_limited: client(429, 'Rate limited', 'Too many requests.', { retryAfterSeconds: 1 }),
  client_closed: client(499, 'Client closed', 'The client went away before the answer.', { closes: true }),

  // the gateway's own limits
  connection_limit_reached: gateway(
    503,
    'connection_limit_reached',
    'Upstream at capacity',
    'All request slots of the upstream are in use.',
    { retryAfterSeconds: 1 },
  ),
  circuit_open: gateway(
    503,
    'destination_unavailable',
    'Circuit open',
    'The upstream is failing and is being spared.',
    {
      retryAfterSeconds: 1,
    },
  ),
  destination_unavailable: gateway(
    503,
    'destination_unavailable',
    'No usable endpoint',
    'The upstream has no endpoint that may be used now.',
    { retryAfterSeconds: 1 },
  ),
  overloaded: gateway(503, 'connection_limit_reached', 'Overloaded', 'The gateway is at its own capacity.', {
    retryAfterSeconds: 1,
    closes: true,
  }),
  draining: gateway(503, 'destination_unavailable', 'Draining', 'The gateway is shutting down.', {
    retryAfterSeconds: 1,
    closes: true,
  }),
  proxy_loop_detected: gateway(508, 'proxy_loop_detected', 'Loop detected', 'The request came back to this gateway.'),
  upgrade_not_supported: gateway(
    501,
    'http_request_denied',
    'Upgrade refused',
    'This route does not tunnel upgrades.',
    {
      closes: true,
    },
  ),
  method_not_supported: gateway(
    501,
    'http_request_denied',
    'Method refused',
    'This gateway does not serve this method.',
    {
      closes: true,
    },
  ),
  proxy_internal_error: gateway(500, 'proxy_internal_error', 'Internal error', 'The gateway failed on this request.'),

  // the upstream's doing
  connection_refused: upstream(
    502,
    'connection_refused',
    'Connection refused',
    'The upstream refused the connection or is unreachable.',
    { retryable: 'always' },
  ),
  dns_error: upstream(502, 'dns_error', 'DNS failed', 'The name of the upstream could not be resolved.', {
    retryable: 'always',
  }),
  connection_timeout: upstream(504, 'connection_timeout', 'Connect timeout', 'The upstream did not accept in time.', {
    retryable: 'always',
  }),
  tls_certificate_error: upstream(
    502,
    'tls_certificate_error',
    'Upstream certificate refused',
    'The certificate of the upstream is not acceptable.',
    { retryable: 'other_endpoint' },
  ),
  tls_protocol_error: upstream(502, 'tls_protocol_error', 'Upstream TLS failed', 'TLS with the upstream failed.', {
    retryable: 'other_endpoint',
  }),
  connection_terminated: upstream(
    502,
    'connection_terminated',
    'Connection terminated',
    'The upstream closed the connection before it answered.',
    { retryable: 'idempotent' },
  ),
  http_protocol_error: upstream(
    502,
    'http_protocol_error',
    'Bad upstream answer',
    'The upstream answered with invalid HTTP.',
  ),
  http_response_timeout: upstream(
    504,
    'http_response_timeout',
    'Upstream timeout',
    'The upstream did not answer in time.',
  ),
  http_response_incomplete: upstream(
    502,
    'http_response_incomplete',
    'Answer cut',
    'The upstream closed the connection within its answer.',
  ),
} as const satisfies Record<string, FailureDefinition>;

/** A reason token: metric label, log field, `reason` of the problem body. */
export type Reason = keyof typeof FAILURES;

export function failure(reason: Reason): FailureDefinition {
  return FAILURES[reason];
}

/** A broken promise inside Weir itself; thrown, never sent to a client as it is. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws InvariantError unless `condition` holds. For borders and set-up, never on the hot path. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** A fault that the operator can mend: its message is a whole sentence and is printed without a stack. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
