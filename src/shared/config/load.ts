// Reads a configuration: file → text → YAML → substitution → schema → checks, and hands back either a filled Config or
// every fault in it at once, each with its place. Never throws on bad input. Called by run, reload, check, diff, explain.
//
// Order of magnitude: 10,000 routes in 0.3 s; positions are only worked out when there is something to point at.

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type * as z from 'zod';
import { checkAvailability } from './availability.ts';
import { check, type View } from './checks.ts';
import { type Fault, formatPath, type Path } from './fault.ts';
import { toFindings, valueAt, wordIssue } from './issues.ts';
import { adminSchema, listenerSchema } from './listeners.ts';
import { routeSchema } from './routes.ts';
import { type Config, configSchema } from './schema.ts';
import { type Finding, Source } from './source.ts';
import { type Substituted, substitute } from './substitute.ts';
import { parseText } from './syntax.ts';
import { upstreamSchema } from './upstreams.ts';

export type Loaded =
  | {
      ok: true;
      config: Config;
      /** 16 hex digits: changes with the text and with every substituted value */
      hash: string;
      warnings: Fault[];
      /** paths whose values came from `${file:…}`; for redact() */
      secrets: Path[];
      /** as it was read: loading it again gives the same */
      text: string;
    }
  | { ok: false; faults: Fault[]; warnings: Fault[] };

const FILE_BYTES_MAX = 64 * 2 ** 20;

/** An unreadable file is a fault, too. */
export function loadConfigFile(file: string, env: NodeJS.ProcessEnv): Loaded {
  let bytes: Buffer;
  try {
    bytes = readBounded(file);
  } catch (error) {
    return refuseFile(file, error instanceof FileFault ? error.message : readFault(error));
  }
  if (!isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    const source = new Source(file, text, []);
    const offset = Math.max(0, text.indexOf('\ufffd'));
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const hint = utf16 ? 'It looks like UTF-16: save it as UTF-8.' : 'Save it as UTF-8.';
    return {
      ok: false,
      faults: [source.faultAt(offset, 'error', '', 'The file is not valid UTF-8.', hint)],
      warnings: [],
    };
  }
  return loadConfigText(bytes.toString('utf8'), file, env);
}

/** @param file names the text in faults; relative `${file:…}` are looked up beside it */
export function loadConfigText(text: string, file: string, env: NodeJS.ProcessEnv): Loaded {
  if (text.length > FILE_BYTES_MAX) return refuseFile(file, 'The file is larger than 64 MiB.');
  const parsed = parseText(text, file);
  if (!parsed.ok) return { ok: false, faults: parsed.faults, warnings: [] };

  const filled = substitute(parsed.value, file, env);
  const findings = [...filled.findings];
  const result = parseSchema(filled);
  if (!result.success) findings.push(...schemaFindings(result.error.issues, filled));
  findings.push(...check(viewOf(filled, result.success ? result.data : null)), ...checkAvailability(filled.value));

  const faults = findings
    .map((finding) => parsed.source.place(finding))
    .sort((a, b) => a.line - b.line || a.col - b.col);
  const warnings = faults.filter(({ severity }) => severity === 'warning');
  const errors = faults.filter(({ severity }) => severity === 'error');
  if (errors.length > 0 || !result.success) return { ok: false, faults: errors, warnings };
  const secrets = filled.places.filter(({ secret }) => secret).map(({ path }) => path);
  return { ok: true, config: result.data, hash: hashOf(text, filled), warnings, secrets, text };
}

function parseSchema(filled: Substituted): z.ZodSafeParseResult<Config> {
  const result = configSchema.safeParse(filled.value, { error: wordIssue });
  if (result.success || filled.places.length === 0) return result;
  return retype(filled, result.error.issues) ? configSchema.safeParse(filled.value, { error: wordIssue }) : result;
}

/**
 * `workers: ${N}` is text after substitution. Where the schema did not want that text, it is read as the YAML value that
 * it looks like; where it wanted text (a token of digits), it stays as it is. Changes the copies that substitution made.
 */
function retype(filled: Substituted, issues: readonly z.core.$ZodIssue[]): boolean {
  const refused = new Set(toFindings(issues, filled.value).map(({ path }) => formatPath(path)));
  let changed = false;
  for (const { path, text } of filled.places) {
    const key = path.at(-1);
    const value = scalarOf(text);
    if (value === null || key === undefined || !refused.has(formatPath(path))) continue;
    (valueAt(filled.value, path.slice(0, -1)) as Record<string | number, unknown>)[key] = value;
    changed = true;
  }
  return changed;
}

function scalarOf(text: string): number | boolean | null {
  if (text === 'true') return true;
  if (text === 'false') return false;
  return /^-?(?:\d+|\d+\.\d+)$/.test(text) ? Number(text) : null;
}

/** A value whose substitution failed is not also told to be of the wrong type; one that was put in is not told at all. */
function schemaFindings(issues: readonly z.core.$ZodIssue[], filled: Substituted): Finding[] {
  const failed = new Set(filled.findings.map(({ path }) => formatPath(path)));
  const put = new Map(filled.places.map(({ path, text }) => [formatPath(path), text]));
  return toFindings(issues, filled.value).flatMap((finding) => {
    const path = formatPath(finding.path);
    if (failed.has(path)) return [];
    const text = put.get(path);
    return [text !== undefined && tells(finding, text) ? { ...finding, ...UNTOLD } : finding];
  });
}

const UNTOLD = { message: 'does not take the value that was put in here, which is not shown', hint: null };

/** Whether the words of a finding repeat a part of the value: it may be a secret. */
function tells(finding: Finding, value: string): boolean {
  const said = `${String(finding.message)} ${finding.hint ?? ''}`.toLowerCase();
  const parts = value.toLowerCase().split(/[^a-z0-9]+/);
  return parts.some((part) => part.length > 2 && said.includes(part));
}

/** With faults in some parts, the others are parsed on their own so that they can be checked, too. */
function viewOf(filled: Substituted, config: Config | null): View {
  const root = filled.value;
  const substituted = new Set(filled.places.map(({ path }) => formatPath(path)));
  const isSubstituted = (path: Path): boolean => substituted.size > 0 && substituted.has(formatPath(path));
  const rawRoutes = valueAt(root, ['routes']);
  const routes = Array.isArray(rawRoutes) ? rawRoutes.map(asBlock) : [];
  if (config !== null) {
    return {
      listeners: config.listeners,
      admin: config.admin,
      upstreams: new Map(Object.entries(config.upstreams)),
      routes: config.routes.map((route, at) => ({ raw: routes[at] ?? {}, route })),
      isSubstituted,
    };
  }
  const rawListeners = valueAt(root, ['listeners']);
  const upstreams = Object.entries(asBlock(valueAt(root, ['upstreams'])));
  return {
    listeners: Array.isArray(rawListeners) ? rawListeners.map((raw) => listenerSchema.safeParse(raw).data ?? null) : [],
    admin: adminSchema.safeParse(valueAt(root, ['admin']) ?? {}).data ?? null,
    upstreams: new Map(upstreams.map(([name, raw]) => [name, upstreamSchema.safeParse(raw).data ?? null])),
    routes: routes.map((raw) => ({ raw, route: routeSchema.safeParse(raw).data ?? null })),
    isSubstituted,
  };
}

function asBlock(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function hashOf(text: string, filled: Substituted): string {
  const hash = createHash('sha256').update(text);
  if (filled.places.length > 0) hash.update(JSON.stringify(filled.places));
  return hash.digest('hex').slice(0, 16);
}

class FileFault extends Error {}

/** Reads pipes as well (`--config <(…)`), but never more than the bound. */
function readBounded(file: string): Buffer {
  const handle = openSync(file, 'r');
  try {
    if (fstatSync(handle).isDirectory()) throw new FileFault('This is a directory, not a file.');
    const parts: Buffer[] = [];
    let total = 0;
    for (;;) {
      const part = Buffer.allocUnsafe(65_536);
      const length = readSync(handle, part, 0, part.length, null);
      if (length === 0) return Buffer.concat(parts, total);
      parts.push(part.subarray(0, length));
      total += length;
      if (total > FILE_BYTES_MAX) throw new FileFault('The file is larger than 64 MiB.');
    }
  } finally {
    closeSync(handle);
  }
}

function readFault(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'The file does not exist.';
  if (code === 'EACCES' || code === 'EPERM') return 'The file may not be read by this user.';
  return `The file cannot be read (${code ?? String(error)}).`;
}

function refuseFile(file: string, message: string): Loaded {
  const fault = new Source(file, '', []).faultAt(0, 'error', '', message, null);
  return { ok: false, faults: [fault], warnings: [] };
}
