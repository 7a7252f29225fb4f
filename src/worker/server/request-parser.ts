// Node's own HTTP parser (llhttp in C++, the one under node:http), without the streams and events that node:http puts
// on top of it: a connection reads heads and bodies from it by callbacks. One file knows this interface; it is that of
// `_http_common` in Node 22 to 26.
import { createRequire } from 'node:module';

type HeadersComplete = (
  versionMajor: number,
  versionMinor: number,
  headers: string[] | undefined,
  method: number,
  url: string | undefined,
  statusCode: undefined,
  statusMessage: undefined,
  upgrade: boolean,
  shouldKeepAlive: boolean,
) => number;

/** The handle that a socket reads from; `consume` makes it feed the parser without passing through JavaScript. */
export interface StreamHandle {
  readStart(): void;
  readStop(): void;
}

export interface RequestParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  consume(handle: StreamHandle): void;
  unconsume(): void;
  /** @returns bytes read, or the parse error */
  execute(bytes: Buffer): number | Error;
  /** not from within one of its callbacks */
  close(): void;
  [event: number]: unknown;
}

interface RequestParserClass {
  new (): RequestParser;
  readonly REQUEST: number;
  readonly kOnMessageBegin: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kOnExecute: number;
  readonly kLenientNone: number;
}

const require = createRequire(import.meta.url);
const { HTTPParser, methods } = require('node:_http_common') as { HTTPParser: RequestParserClass; methods: string[] };

/** What a parser tells its connection. */
export interface ParserEvents {
  /** the first byte of a request has come */
  requestBegan(): void;
  requestHead(
    method: string,
    target: string,
    headers: string[],
    http11: boolean,
    upgrade: boolean,
    keepAlive: boolean,
  ): void;
  /** a view that stays valid */
  requestData(chunk: Buffer): void;
  requestEnd(): void;
  /** after each read; an Error when the bytes were not HTTP */
  executed(result: number | Error): void;
}

/** llhttp numbers methods in its own way: learned by parsing one request with each. */
const METHOD_NAMES = learnMethods();

class BoundParser extends HTTPParser {
  events!: ParserEvents;
  /** heads with more than 32 fields come in parts */
  partialHeaders: string[] | null = null;
  partialUrl = '';
}

/** @param maxHeaderBytes llhttp refuses a head above it with HPE_HEADER_OVERFLOW */
export function createRequestParser(events: ParserEvents, maxHeaderBytes: number): RequestParser {
  const parser = new BoundParser();
  parser.events = events;
  parser.initialize(HTTPParser.REQUEST, parser, maxHeaderBytes, HTTPParser.kLenientNone);
  parser[HTTPParser.kOnMessageBegin] = onMessageBegin;
  parser[HTTPParser.kOnHeaders] = onHeaders;
  parser[HTTPParser.kOnHeadersComplete] = onHeadersComplete;
  parser[HTTPParser.kOnBody] = onBody;
  parser[HTTPParser.kOnMessageComplete] = onMessageComplete;
  parser[HTTPParser.kOnExecute] = onExecute;
  return parser;
}

function onMessageBegin(this: BoundParser): void {
  this.events.requestBegan();
}

function onHeaders(this: BoundParser, headers: string[], url: string): void {
  this.partialUrl += url;
  this.partialHeaders = this.partialHeaders === null ? headers : this.partialHeaders.concat(headers);
}

const onHeadersComplete: HeadersComplete = function (
  this: BoundParser,
  _major,
  minor,
  headers,
  method,
  url,
  _status,
  _message,
  upgrade,
  keepAlive,
): number {
  let all = headers;
  let target = url;
  if (all === undefined) {
    all = this.partialHeaders ?? [];
    target = this.partialUrl;
    this.partialHeaders = null;
    this.partialUrl = '';
  }
  this.events.requestHead(METHOD_NAMES[method] ?? '', target ?? '', all, minor === 1, upgrade, keepAlive);
  return 0;
} as HeadersComplete & ThisType<BoundParser>;

function onBody(this: BoundParser, chunk: Buffer): void {
  this.events.requestData(chunk);
}

function onMessageComplete(this: BoundParser): void {
  // trailers that came in parts: read for their syntax, never merged into the head
  this.partialHeaders = null;
  this.partialUrl = '';
  this.events.requestEnd();
}

function onExecute(this: BoundParser, result: number | Error): void {
  this.events.executed(result);
}

function learnMethods(): string[] {
  const names: string[] = [];
  for (const name of methods) {
    const parser = new HTTPParser();
    parser.initialize(HTTPParser.REQUEST, parser, 0, HTTPParser.kLenientNone);
    parser[HTTPParser.kOnHeadersComplete] = ((_major, _minor, _headers, method) => {
      names[method] = name;
      return 0;
    }) as HeadersComplete;
    parser.execute(Buffer.from(`${name} ${name === 'CONNECT' ? 'a:1' : '/'} HTTP/1.1\r\nhost: a\r\n\r\n`));
    parser.close();
  }
  return names;
}
