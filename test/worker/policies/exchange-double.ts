// The window through which a policy sees an exchange, held by a test. Used by the tests of the policies.
import type { PolicyExchange } from '../../../src/worker/policies/policy.ts';

export interface ExchangeDouble extends PolicyExchange {
  replies: { status: number; fields: string[]; body: string }[];
}

export function exchangeDouble(path = '/', fields: string[] = []): ExchangeDouble {
  const replies: ExchangeDouble['replies'] = [];
  return {
    method: 'GET',
    path,
    search: '?q=1',
    clientIp: '192.0.2.1',
    requestId: 'id-1',
    requestFields: fields,
    replies,
    reply(status, own, body) {
      replies.push({ status, fields: [...own], body });
    },
  };
}
