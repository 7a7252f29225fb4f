// The answer object of node:http with room for its exchange, so that its events find their way back without a closure
// or a listener per request.
import { ServerResponse } from 'node:http';
import type { Exchange } from './exchange.ts';

export class ProxyResponse extends ServerResponse {
  exchange: Exchange | null = null;
}

/** Shared by all answers: 'close' comes exactly once, after the last byte or when the connection is gone. */
export function onResponseClose(this: ProxyResponse): void {
  this.exchange?.responseClosed();
}

export function onResponseDrain(this: ProxyResponse): void {
  this.exchange?.responseDrained();
}
