// Who may talk to the admin interface. A browser of an operator can be led here by a foreign page: by a name that
// resolves to loopback (DNS rebinding; the Host field tells) or by a form (the Origin field tells). Writes beyond
// loopback need a token. Called by the admin server before anything else looks at a request.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface Refused {
  status: 401 | 403;
  detail: string;
}

export class Guard {
  readonly #host: string;
  readonly #loopback: boolean;
  readonly #tokenDigest: Buffer | null;

  /** @param host as configured, IPv6 without brackets */
  constructor(host: string, token: string | null) {
    this.#host = host.toLowerCase();
    this.#loopback = isLoopback(host);
    this.#tokenDigest = token === null ? null : digest(token);
  }

  /** For every request. null = welcome. */
  refusal(request: IncomingMessage): Refused | null {
    const { host } = request.headers;
    if (host === undefined || !this.#knows(hostName(host))) {
      return { status: 403, detail: `This interface is not ${host ?? 'nameless'}: ask for it by its own address.` };
    }
    return null;
  }

  /** For requests that change something. null = welcome. */
  writeRefusal(request: IncomingMessage): Refused | null {
    const { origin, host, authorization } = request.headers;
    if (origin !== undefined && origin !== `http://${host}`) {
      return { status: 403, detail: 'Pages of other origins may not change anything here.' };
    }
    if (request.headers['sec-fetch-site'] === 'cross-site') {
      return { status: 403, detail: 'Pages of other sites may not change anything here.' };
    }
    if (this.#tokenDigest === null) {
      if (this.#loopback) return null;
      return { status: 403, detail: 'Beyond loopback nothing can be changed until admin.token is configured.' };
    }
    const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    // digests have one length, so the comparison tells nothing about the token's
    if (given !== undefined && timingSafeEqual(digest(given), this.#tokenDigest)) return null;
    return { status: 401, detail: 'Send the admin token as "Authorization: Bearer <token>".' };
  }

  #knows(name: string): boolean {
    if (name === this.#host || name === 'localhost' || isLoopback(name)) return true;
    // a rebound page has a name, never an address: where other machines may ask, they may ask by address
    return !this.#loopback && isIP(name) !== 0;
  }
}

/** The name in a Host field: lower case, without port and brackets. */
function hostName(host: string): string {
  const name = host.startsWith('[') ? host.slice(1, host.indexOf(']')) : host.replace(/:\d*$/, '');
  return name.toLowerCase();
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
