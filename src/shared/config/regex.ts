// Says of a path_regex whether it can be run in linear time, by asking V8's own linear engine. Called at load only;
// workers run the expression with the ordinary engine, which falls back to the linear one when it backtracks too much.
import v8 from 'node:v8';
import { Refusal } from './refusal.ts';

const LENGTH_MAX = 512;
let engineOn = false;

/** @returns the source as written, or why it cannot be used */
export function readPathRegex(source: string): string | Refusal {
  if (source === '')
    return new Refusal('is empty', 'Write a regular expression for the whole path, such as /v[0-9]+/users.');
  if (source.length > LENGTH_MAX) return new Refusal(`is longer than ${LENGTH_MAX} characters`);
  // checked alone first: `a)|(b` is only valid once it is wrapped, and would then mean something else
  const syntax = compileError(source, '');
  if (syntax !== null) return new Refusal(`is not a regular expression (${syntax})`);
  const linear = compileError(`^(?:${source})$`, linearFlag());
  if (linear === null) return source;
  if (!linear.includes('linear time')) return new Refusal(`is not a regular expression (${linear})`);
  return new Refusal(
    'cannot be matched in linear time, so a client could make it burn CPU',
    'Leave out back references, look-ahead, inline flags and counted repeats above about 16 (write + instead of {1,64}).',
  );
}

/**
 * The literal text that every matching path begins with; '' where there is none. Errs on the short side.
 * `/users/[0-9]+` → `/users/`, `/v1?/x` → `/v`, `/a|/b` → ''.
 */
export function regexLiteralPrefix(source: string): string {
  if (hasTopLevelAlternative(source)) return '';
  let prefix = '';
  let at = source.startsWith('^') ? 1 : 0;
  while (at < source.length) {
    const escaped = source[at] === '\\';
    const char = source[escaped ? at + 1 : at];
    if (char === undefined) break;
    if (escaped ? /[A-Za-z0-9]/.test(char) : /[.*+?^${}()|[\]]/.test(char)) break;
    const next = at + (escaped ? 2 : 1);
    const quantifier = source[next];
    if (quantifier === '*' || quantifier === '?' || quantifier === '{') break;
    prefix += char;
    if (quantifier === '+') break;
    at = next;
  }
  return prefix;
}

function hasTopLevelAlternative(source: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < source.length; at++) {
    const char = source[at];
    if (char === '\\') at++;
    else if (inClass) inClass = char !== ']';
    else if (char === '[') inClass = true;
    else if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === '|' && depth === 0) return true;
  }
  return false;
}

/** The flag that asks for the linear engine. V8 knows it only after this switch, which changes nothing for other expressions. */
function linearFlag(): string {
  if (!engineOn) v8.setFlagsFromString('--enable-experimental-regexp-engine');
  engineOn = true;
  return 'l';
}

function compileError(source: string, flags: string): string | null {
  try {
    new RegExp(source, flags);
    return null;
  } catch (error) {
    // "Invalid regular expression: /…/flags: Reason" → "Reason"; the source is shown by the excerpt already
    return error instanceof Error ? error.message.slice(error.message.lastIndexOf(': ') + 2) : String(error);
  }
}
