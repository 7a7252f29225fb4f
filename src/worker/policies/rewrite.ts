// rewrite: another path for the upstream than the one that was matched. `prefix` replaces what the route's path_prefix
// matched, `path` replaces the whole path; the query stays byte for byte.
import { CONTINUE, type Policy, type PolicyExchange, type RequestStep, type Verdict } from './policy.ts';

export interface RewriteOptions {
  prefix?: string | undefined;
  path?: string | undefined;
}

export const rewritePolicy: Policy<RewriteOptions> = {
  name: 'rewrite',
  compile(options, route) {
    if (options.path !== undefined) return { request: new FixedPath(options.path), response: null };
    const matched = route.path === '/' ? 0 : route.path.length;
    return { request: new PrefixSwap(matched, options.prefix ?? '/'), response: null };
  },
};

class FixedPath implements RequestStep {
  readonly #path: string;
  constructor(path: string) {
    this.#path = path;
  }
  request(exchange: PolicyExchange): Verdict {
    exchange.path = this.#path;
    return CONTINUE;
  }
}

class PrefixSwap implements RequestStep {
  readonly #matchedLength: number;
  readonly #prefix: string;

  constructor(matchedLength: number, prefix: string) {
    this.#matchedLength = matchedLength;
    this.#prefix = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  }

  request(exchange: PolicyExchange): Verdict {
    // the rest is empty or begins with '/': prefixes match whole segments
    const path = this.#prefix + exchange.path.slice(this.#matchedLength);
    exchange.path = path === '' ? '/' : path;
    return CONTINUE;
  }
}
