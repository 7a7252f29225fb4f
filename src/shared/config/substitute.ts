// `${VAR}`, `${VAR:-default}` and `${file:/path}` in the values of a configuration, after it was parsed: what is put in
// can hold a quote, a colon or a newline and still is one value, never structure. Also the walk that makes the parsed
// value safe: no `__proto__`, no circle, no alias bomb. Called by the loader.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the words that an operator writes
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Path } from './fault.ts';
import type { Finding } from './source.ts';
import { DEPTH_MAX } from './syntax.ts';

export interface Substituted {
  value: unknown;
  findings: Finding[];
  /** where a value was put in, with its text; `secret` when it came from a file */
  places: { path: Path; text: string; secret: boolean }[];
}

/** Aliases can unfold a small file to any size; this many values are 2,000 times a usual configuration's. */
const NODES_MAX = 2_000_000;
const SECRET_FILE_MAX = 65_536;
const UNSAFE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;

/** Returns a copy where something was put in or taken out, and the same objects where nothing was. */
export function substitute(root: unknown, file: string, env: NodeJS.ProcessEnv): Substituted {
  const walk = new Walk(dirname(resolve(file)), env);
  const value = walk.visit(root, []);
  if (walk.overflow !== null) {
    walk.findings.push({
      severity: 'error',
      path: walk.overflow,
      message: 'unfolds to too many values by its aliases',
      hint: null,
    });
  }
  return { value, findings: walk.findings, places: walk.places };
}

class Walk {
  readonly findings: Finding[] = [];
  readonly places: Substituted['places'] = [];
  overflow: Path | null = null;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #nodes = 0;

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#env = env;
  }

  /** `path` is changed in place while walking: copied only where it is kept. */
  visit(value: unknown, path: (string | number)[]): unknown {
    if (typeof value === 'string') return value.includes('${') ? this.#fill(value, path) : value;
    if (typeof value !== 'object' || value === null) return value;
    if (this.overflow !== null) return null;
    if (++this.#nodes > NODES_MAX || path.length > DEPTH_MAX) {
      this.overflow = path.slice(0, 3);
      return null;
    }
    return Array.isArray(value) ? this.#list(value, path) : this.#block(value as Record<string, unknown>, path);
  }

  #list(list: unknown[], path: (string | number)[]): unknown[] {
    let out = list;
    for (let at = 0; at < list.length; at++) {
      path.push(at);
      const filled = this.visit(list[at], path);
      path.pop();
      if (filled === list[at]) continue;
      if (out === list) out = list.slice();
      out[at] = filled;
    }
    return out;
  }

  #block(block: Record<string, unknown>, path: (string | number)[]): Record<string, unknown> {
    let out = block;
    for (const key of Object.keys(block)) {
      path.push(key);
      if (UNSAFE_KEYS.has(key)) {
        this.findings.push({
          severity: 'error',
          path: path.slice(),
          atKey: true,
          message: 'is not a possible key',
          hint: null,
        });
        if (out === block) out = copyOf(block);
        delete out[key];
      } else {
        const filled = this.visit(block[key], path);
        if (filled !== block[key]) {
          if (out === block) out = copyOf(block);
          out[key] = filled;
        }
      }
      path.pop();
    }
    return out;
  }

  #fill(text: string, path: Path): string {
    let secret = false;
    let replaced = false;
    const out = text.replace(REFERENCE, (whole, inner: string | undefined, close: string | undefined) => {
      if (inner === undefined) return '${';
      const refuse = (message: string, hint: string | null): string => {
        this.findings.push({ severity: 'error', path: path.slice(), within: whole, message, hint });
        return whole;
      };
      if (close === '') return refuse('has a ${ without its }', 'A literal ${ is written $${.');
      replaced = true;
      if (inner.startsWith('file:')) {
        secret = true;
        const content = this.#readSecret(inner.slice('file:'.length));
        return 'text' in content ? content.text : refuse(content.fault, null);
      }
      const reference = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner);
      if (reference === null || inner.includes('${')) {
        return refuse(
          'has a substitution that cannot be read',
          'Write ${VAR}, ${VAR:-default} or ${file:/path}; a literal ${ is written $${.',
        );
      }
      const [, name = '', fallback] = reference;
      const set = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
      if (fallback !== undefined) return set === undefined || set === '' ? fallback : set;
      return (
        set ??
        refuse(`needs the environment variable ${name}, which is not set`, `Set it, or give a default: \${${name}:-…}.`)
      );
    });
    if (replaced) this.places.push({ path: path.slice(), text: out, secret });
    return out;
  }

  #readSecret(name: string): { text: string } | { fault: string } {
    if (name === '') return { fault: 'names no file after file:' };
    let handle: number | null = null;
    try {
      handle = openSync(resolve(this.#folder, name), 'r');
      const stat = fstatSync(handle);
      if (!stat.isFile()) return { fault: `needs the file ${name}, which is not a regular file` };
      if (stat.size > SECRET_FILE_MAX) return { fault: `needs the file ${name}, which is larger than 64 KiB` };
      // the newline that editors and `echo` leave at the end is not part of a secret
      return { text: readFileSync(handle, 'utf8').replace(/\r?\n$/, '') };
    } catch (error) {
      return {
        fault: `needs the file ${name}, which cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
      };
    } finally {
      if (handle !== null) closeSync(handle);
    }
  }
}

/** A copy without a key that would change the prototype when it is assigned. */
function copyOf(block: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(block).filter(([key]) => !UNSAFE_KEYS.has(key)));
}
