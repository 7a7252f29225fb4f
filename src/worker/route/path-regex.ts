// path_regex as the router runs it: anchored at both ends, and unable to burn CPU whatever path a client sends.
// Called by the router when a plan is built, and by `weir explain`.
//
// Two guards. V8's linear engine must be able to run the source at all (no look-ahead, no back reference, no large
// counted repetition), else it is refused. It is then run by the ordinary engine, which is 20 to 35 times faster on everyday
// paths (30 against 560 ns) and hands over to the linear engine after 50,000 backtracks: `(a+)+b` on 64 KiB takes 7 ms.
import { setFlagsFromString } from 'node:v8';
import { regexLiteralPrefix } from '../../shared/config/regex.ts';
import { OperatorError } from '../../shared/errors.ts';

setFlagsFromString('--enable-experimental-regexp-engine');
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

/** @throws OperatorError where the source is not a regular expression that can run in linear time */
export function compilePathRegex(source: string): RegExp {
  const anchored = `^(?:${source})$`;
  try {
    new RegExp(source);
    // 'l' asks for the linear engine; it exists only while the flag above is set
    new RegExp(anchored, 'l');
  } catch (error) {
    throw new OperatorError(`path_regex "${source}" cannot be used: ${reasonOf(error)}`);
  }
  return new RegExp(anchored);
}

/** V8 says "Invalid regular expression: /…/l: Cannot be executed in linear time". */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (!message.includes('linear time')) return `${message.slice(message.lastIndexOf(': ') + 2).toLowerCase()}.`;
  return (
    'a client could make it burn CPU. Back references, look-ahead, inline flags and counted repetitions above 16 ' +
    'cannot be matched in linear time.'
  );
}

/**
 * Whole literal segments that every path matching `source` begins with: `/api/v1/` of `/api/v1/[0-9]+`, `/` where
 * nothing is known. The router files a regex under them, so that a path meets only those that it might match.
 */
export function literalSegments(source: string): string {
  const literal = regexLiteralPrefix(source);
  return literal.startsWith('/') ? literal.slice(0, literal.lastIndexOf('/') + 1) : '/';
}
