// Where Weir listens: the listeners for clients and the admin address for operators. Part of the schema.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
import { isIP, isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import { block, read, text } from './options.ts';
import { Refusal } from './refusal.ts';

export interface Address {
  /** an IP address, IPv6 without brackets */
  host: string;
  /** 0 = any free port */
  port: number;
}

/** Reads the canonical form that the schema has made. */
export function splitAddress(address: string): Address {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

export function isLoopback(address: string): boolean {
  const { host } = splitAddress(address);
  return host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** True for 0.0.0.0 and ::, which take every address of the host. */
export function isWildcard(address: string): boolean {
  const { host } = splitAddress(address);
  return host === '0.0.0.0' || host === '::';
}

function readAddress(input: string): string | Refusal {
  const match = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(input);
  if (match === null) {
    return new Refusal('is not an address', 'Write HOST:PORT, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080.');
  }
  const [, host = '', digits = ''] = match;
  const port = Number(digits);
  if (port > 65_535) return new Refusal('has a port above 65535');
  if (host === '' || host === '*')
    return new Refusal('has no host', `Write 0.0.0.0:${port} to listen on every address.`);
  if (host === 'localhost') return `127.0.0.1:${port}`;
  if (host.startsWith('[')) {
    const address = host.slice(1, -1);
    if (isIPv6(address) && !address.includes('%')) return `[${address.toLowerCase()}]:${port}`;
  } else if (isIP(host) === 4) {
    return `${host}:${port}`;
  }
  return new Refusal(
    'must begin with an IP address or localhost',
    'A name may have many addresses: write the one to listen on.',
  );
}

export const addressOption = (sentence: string) => read(sentence, readAddress, '^(.+):[0-9]{1,5}$');

const certificate = block('A certificate with its key.', {
  cert_file: text('PEM file with the certificate and its chain.'),
  key_file: text('PEM file with the private key.'),
});

export const listenerSchema = block('An address that clients connect to.', {
  address: addressOption('IP address and port to listen on; port 0 takes any free one.'),
  tls: block('Serves TLS here.', {
    certificates: z
      .array(certificate)
      .min(1)
      .meta({ description: 'Certificates, chosen by the name that the client asks for.' }),
    client_ca_file: text('PEM file with the authorities that may sign client certificates.').optional(),
    client_auth: z
      .enum(['none', 'optional', 'required'])
      .meta({ description: 'Whether clients may or must show a certificate.' })
      .default('none'),
  }).optional(),
});

export const adminSchema = block('The address for operators: health, metrics, state, reload.', {
  address: addressOption('IP address and port; beyond loopback a token is needed.').prefault('127.0.0.1:9901'),
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, { error: 'must be one or more visible ASCII characters without blanks' })
    .meta({
      description:
        'Secret that writes must carry as `Authorization: Bearer …`; best given as `${file:/run/secrets/…}`.',
    })
    .optional(),
});

export type Admin = z.output<typeof adminSchema>;
