// From what our connection, undici and the kernel throw to the one table of failures. By code, never by message.
import type { Reason } from '../../shared/errors.ts';

const BY_CODE = new Map<string, Reason>([
  ['ECONNREFUSED', 'connection_refused'],
  ['EHOSTUNREACH', 'connection_refused'],
  ['ENETUNREACH', 'connection_refused'],
  ['EADDRNOTAVAIL', 'connection_refused'],
  ['EHOSTDOWN', 'connection_refused'],
  ['EACCES', 'connection_refused'],
  ['EPERM', 'connection_refused'],
  ['ENOENT', 'connection_refused'],
  ['ENOTFOUND', 'dns_error'],
  ['EAI_AGAIN', 'dns_error'],
  ['EAI_FAIL', 'dns_error'],
  ['WEIR_CONNECT_TIMEOUT', 'connection_timeout'],
  ['WEIR_CONNECTION_LOST', 'connection_terminated'],
  ['WEIR_CLIENT_GONE', 'connection_terminated'],
  ['WEIR_BODY_LENGTH', 'connection_terminated'],
  ['WEIR_BAD_RESPONSE', 'http_protocol_error'],
  ['UND_ERR_CONNECT_TIMEOUT', 'connection_timeout'],
  ['ETIMEDOUT', 'connection_timeout'],
  ['UND_ERR_SOCKET', 'connection_terminated'],
  ['ECONNRESET', 'connection_terminated'],
  ['EPIPE', 'connection_terminated'],
  ['UND_ERR_DESTROYED', 'connection_terminated'],
  ['UND_ERR_HEADERS_OVERFLOW', 'http_protocol_error'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'http_response_incomplete'],
  ['UND_ERR_HEADERS_TIMEOUT', 'http_response_timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'http_response_timeout'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_certificate_error'],
  ['CERT_HAS_EXPIRED', 'tls_certificate_error'],
  ['CERT_NOT_YET_VALID', 'tls_certificate_error'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_certificate_error'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_certificate_error'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_certificate_error'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'tls_certificate_error'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_certificate_error'],
  ['CERT_REVOKED', 'tls_certificate_error'],
  ['EPROTO', 'tls_protocol_error'],
]);

/**
 * The reason for a failed attempt.
 * @param responseBegan a response head had arrived: whatever ended the exchange then cut the body
 */
export function reasonOf(error: unknown, responseBegan: boolean): Reason {
  const code = codeOf(error);
  if (code.startsWith('HPE_')) return responseBegan ? 'http_response_incomplete' : 'http_protocol_error';
  if (responseBegan) return 'http_response_incomplete';
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return 'tls_protocol_error';
  return 'proxy_internal_error';
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  // happy eyeballs reports every address in one AggregateError
  if (Array.isArray(errors) && errors.length > 0) return codeOf(errors[0]);
  return typeof code === 'string' ? code : '';
}
