// What a policy is: one file that turns its options into steps when a plan is built. Steps see an exchange through the
// narrow window below and nothing else of the worker. A route without a policy has no step for it.

/** The step is done, the next one may run. */
export const CONTINUE = 0;
/** The step has answered the request; nothing after it runs. */
export const REPLIED = 1;
export type Verdict = typeof CONTINUE | typeof REPLIED;

/** The part of an exchange that policies may read and change. */
export interface PolicyExchange {
  readonly method: string;
  /** canonical; a rewrite replaces it: routing is over by then */
  path: string;
  /** `` or `?…`, byte for byte */
  readonly search: string;
  /** address that the request is taken to come from, trusted proxies considered */
  readonly clientIp: string;
  readonly requestId: string;
  /** flat [name, value…] list of what will be forwarded, before Weir adds its own fields */
  readonly requestFields: string[];
  /** Answers at once. @param fields flat list without framing; @param body latin1: one character a byte */
  reply(status: number, fields: readonly string[], body: string): void;
}

export interface RequestStep {
  /** A promise only when it really waits. */
  request(exchange: PolicyExchange): Verdict | Promise<Verdict>;
}

export interface ResponseStep {
  /** @param fields flat list as it will be sent, to be changed in place; framing fields are not in it */
  response(exchange: PolicyExchange, fields: string[]): void;
}

/** What a policy asks of the route that it is compiled for. */
export interface RouteContext {
  readonly id: string;
  readonly pathKind: 'exact' | 'template' | 'prefix' | 'regex';
  readonly path: string;
}

export interface CompiledPolicy {
  request: RequestStep | null;
  response: ResponseStep | null;
}

export interface Policy<Options> {
  readonly name: string;
  /** @param options filled and checked by the configuration's schema */
  compile(options: Options, route: RouteContext): CompiledPolicy;
}
