// headers: sets, adds and removes fields of the request on its way up and of the answer on its way down. The schema has
// refused names that frame the message or that Weir owns.
import { removeFields } from '../../shared/field-list.ts';
import {
  CONTINUE,
  type Policy,
  type PolicyExchange,
  type RequestStep,
  type ResponseStep,
  type Verdict,
} from './policy.ts';

export interface HeaderChanges {
  set: Record<string, string>;
  add: Record<string, string>;
  remove: string[];
}

export interface HeadersOptions {
  request?: Partial<HeaderChanges> | undefined;
  response?: Partial<HeaderChanges> | undefined;
}

export const headersPolicy: Policy<HeadersOptions> = {
  name: 'headers',
  compile(options) {
    return {
      request: options.request === undefined ? null : new HeaderStep(options.request),
      response: options.response === undefined ? null : new HeaderStep(options.response),
    };
  },
};

class HeaderStep implements RequestStep, ResponseStep {
  /** lower-case names that disappear: the removed and the replaced ones */
  readonly #gone: ReadonlySet<string>;
  readonly #appended: readonly string[];

  constructor(changes: Partial<HeaderChanges>) {
    const { set = {}, add = {}, remove = [] } = changes;
    this.#gone = new Set([...remove, ...Object.keys(set)].map((name) => name.toLowerCase()));
    this.#appended = [...Object.entries(set), ...Object.entries(add)].flat();
  }

  request(exchange: PolicyExchange): Verdict {
    this.#apply(exchange.requestFields);
    return CONTINUE;
  }

  response(_exchange: PolicyExchange, fields: string[]): void {
    this.#apply(fields);
  }

  #apply(fields: string[]): void {
    if (this.#gone.size > 0) removeFields(fields, this.#gone);
    for (const part of this.#appended) fields.push(part);
  }
}
