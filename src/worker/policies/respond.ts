// respond: a fixed answer or a redirect, given by the gateway itself; the upstream is not asked.
import { type Policy, type PolicyExchange, REPLIED, type RequestStep, type Verdict } from './policy.ts';

export interface RespondOptions {
  status: number;
  body?: string | undefined;
  content_type?: string | undefined;
  location?: string | undefined;
}

export const respondPolicy: Policy<RespondOptions> = {
  name: 'respond',
  compile(options) {
    return { request: new FixedAnswer(options), response: null };
  },
};

class FixedAnswer implements RequestStep {
  readonly #status: number;
  readonly #fields: string[] = [];
  readonly #body: string;

  constructor(options: RespondOptions) {
    this.#status = options.status;
    // bytes of UTF-8, one character each: what the front writes
    this.#body = Buffer.from(options.body ?? '', 'utf8').toString('latin1');
    if (this.#body !== '') this.#fields.push('content-type', options.content_type ?? 'text/plain; charset=utf-8');
    if (options.location !== undefined) this.#fields.push('location', options.location);
  }

  request(exchange: PolicyExchange): Verdict {
    exchange.reply(this.#status, this.#fields, this.#body);
    return REPLIED;
  }
}
