// Who the client is, and what X-Forwarded-For, -Proto and -Host say upstream. What a peer outside `trusted_proxies`
// claims about itself is overwritten; what a trusted one claims is kept and added to. Called once per request.
import { BlockList, isIP, SocketAddress } from 'node:net';
import { OperatorError } from '../../shared/errors.ts';

/** Two generations of this many addresses are remembered, so that a flood of addresses cannot grow the memory. */
const GENERATION_SIZE = 4096;

export class TrustedProxies {
  readonly #blocks: BlockList | null;
  #young = new Map<string, boolean>();
  #old = new Map<string, boolean>();

  /**
   * @param cidrs `10.0.0.0/8`, `fd00::/8`, or single addresses; empty = nobody is trusted
   * @throws OperatorError naming the entry that is none of these
   */
  constructor(cidrs: string[]) {
    if (cidrs.length === 0) {
      this.#blocks = null;
      return;
    }
    this.#blocks = new BlockList();
    for (const cidr of cidrs) addBlock(this.#blocks, cidr);
  }

  /** @param ip as the socket or X-Forwarded-For gives it; IPv4 mapped into IPv6 is looked up as IPv4 */
  trusts(ip: string): boolean {
    if (this.#blocks === null) return false;
    let trusted = this.#young.get(ip);
    if (trusted !== undefined) return trusted;
    trusted = this.#old.get(ip) ?? this.#look(ip);
    if (this.#young.size >= GENERATION_SIZE) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(ip, trusted);
    return trusted;
  }

  #look(ip: string): boolean {
    const address = canonicalAddress(ip);
    if (address === null) return false;
    return (this.#blocks as BlockList).check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  }
}

function addBlock(blocks: BlockList, cidr: string): void {
  const slash = cidr.indexOf('/');
  const address = canonicalAddress(slash === -1 ? cidr : cidr.slice(0, slash));
  const bits = slash === -1 ? '' : cidr.slice(slash + 1);
  const mapped = address !== null && !address.includes(':') && cidr.includes(':');
  const width = address === null || address.includes(':') ? 128 : 32;
  const prefix = bits === '' ? width : Number(bits) - (mapped ? 96 : 0);
  if (address === null || cidr.endsWith('/') || !/^\d{0,3}$/.test(bits) || prefix < 0 || prefix > width) {
    throw new OperatorError(
      `trusted_proxies: "${cidr}" is not an address or CIDR block, such as 10.0.0.0/8 or fd00::/8.`,
    );
  }
  blocks.addSubnet(address, prefix, width === 32 ? 'ipv4' : 'ipv6');
}

/** One spelling per address: IPv4 plain even if mapped, IPv6 lower case and shortest, no zone; null = no address. */
function canonicalAddress(ip: string): string | null {
  const kind = isIP(ip);
  if (kind === 4) return ip;
  if (kind === 0) return null;
  // what a dual-stack socket gives for IPv4
  if (ip.startsWith('::ffff:') && isIP(ip.slice(7)) === 4) return ip.slice(7);
  const zone = ip.indexOf('%');
  const address = new SocketAddress({ address: zone === -1 ? ip : ip.slice(0, zone), family: 'ipv6' }).address;
  const mapped = address.startsWith('::ffff:') ? address.slice(7) : '';
  return isIP(mapped) === 4 ? mapped : address;
}

/**
 * The address that limits and logs mean: the peer itself, or the rightmost hop of X-Forwarded-For that is not one of
 * ours. Where the list turns to garbage the last good hop is taken, since whoever sent the garbage stands behind it.
 *
 * @param peer the socket's remote address
 * @param xff X-Forwarded-For, several fields joined by commas; null = absent
 * @returns canonical: one spelling per address, so that a client cannot have two limits
 */
export function clientAddress(peer: string, xff: string | null, trusted: TrustedProxies): string {
  let current = plainPeer(peer);
  if (xff === null || !trusted.trusts(peer)) return current;
  let end = xff.length;
  while (end >= 0) {
    const comma = end === 0 ? -1 : xff.lastIndexOf(',', end - 1);
    const hop = hopAddress(xff.slice(comma + 1, end).trim());
    if (hop === null) return current;
    current = hop;
    if (comma === -1 || !trusted.trusts(hop)) return current;
    end = comma;
  }
  return current;
}

/** Peers come from the kernel: only the mapped form needs work. */
function plainPeer(peer: string): string {
  if (!peer.includes(':')) return peer;
  return canonicalAddress(peer) ?? peer;
}

/** Some proxies add a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function hopAddress(hop: string): string | null {
  const direct = canonicalAddress(hop);
  if (direct !== null) return direct;
  const ported = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(hop);
  return ported === null ? null : canonicalAddress((ported[1] ?? ported[2]) as string);
}

/** X-Forwarded-For to send upstream: ours alone for an untrusted peer, else the inbound list and the peer behind it. */
export function forwardedFor(peer: string, inboundXff: string | null, trusted: TrustedProxies): string {
  const address = plainPeer(peer);
  if (inboundXff === null || inboundXff === '' || !trusted.trusts(peer)) return address;
  return `${inboundXff}, ${address}`;
}

/** X-Forwarded-Proto to send upstream. @param own the scheme that the client used with Weir */
export function forwardedProto(own: 'http' | 'https', inbound: string | null, peerTrusted: boolean): string {
  return peerTrusted && inbound !== null && inbound !== '' ? inbound : own;
}

/** X-Forwarded-Host to send upstream. @param own the Host field as the client wrote it, with its port */
export function forwardedHost(own: string, inbound: string | null, peerTrusted: boolean): string {
  return peerTrusted && inbound !== null && inbound !== '' ? inbound : own;
}
