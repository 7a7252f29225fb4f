// What an exchange needs of the side that the client is on, whatever protocol is spoken there. The front parses and
// frames; the exchange decides. Implemented by server/ (HTTP/1.1 now), used by proxy/exchange.ts.

/** Takes a request's body as it arrives. */
export interface BodyReader {
  /** @param chunk stays valid after the call */
  bodyData(chunk: Buffer): void;
  bodyEnd(): void;
  /** the client left within its body */
  bodyCut(): void;
}

/** Told about the life of an answer. */
export interface FrontOwner {
  /** There is room again after `write` said false. */
  frontDrained(): void;
  /** Exactly once, as the last thing. @param whole the answer went out to its last byte */
  frontClosed(whole: boolean): void;
}

/** How the body of an answer is delimited: its length in bytes, or one of these. */
export const UNKNOWN_LENGTH = -1;
/** HEAD, 204, 304: a head and nothing else, whatever Content-Length it tells */
export const NO_BODY = -2;

export interface Front {
  readonly method: string;
  /** the request target as it came */
  readonly target: string;
  /** flat [name, value…] in the client's spelling and order */
  readonly rawHeaders: readonly string[];
  /** the peer's address; '' when it is gone already */
  readonly peer: string;
  readonly proto: 'http' | 'https';
  /** false: HTTP/1.0, whose clients may leave Host out */
  readonly http11: boolean;
  /** the request's body has been read to its end (or there is none) */
  readonly bodyComplete: boolean;

  setOwner(owner: FrontOwner): void;
  /** Body bytes go to `reader` from now on; those that have come already at once. */
  readBody(reader: BodyReader): void;
  pauseBody(): void;
  resumeBody(): void;
  /** Answers `Expect: 100-continue`. */
  sendContinue(): void;

  /**
   * The head of an answer whose body follows by `write` and `end`. It leaves together with the first of them, or by
   * `flush`, whichever comes first.
   * @param fields flat list without framing fields
   * @param length bytes of the body, UNKNOWN_LENGTH or NO_BODY
   * @param close the connection ends with this answer
   */
  sendHead(status: number, statusText: string, fields: readonly string[], length: number, close: boolean): void;
  flush(): void;
  /** @param chunk must stay unchanged afterwards; @returns false when the client is slower: wait for `frontDrained` */
  write(chunk: Buffer): boolean;
  end(): void;
  /** A whole answer at once, in one write. @param body latin1 */
  sendWhole(status: number, statusText: string, fields: readonly string[], body: string, close: boolean): void;
  /** Cuts the connection (HTTP/1.1) or resets the stream: the client must not take what it has for the whole. */
  cut(): void;
}
