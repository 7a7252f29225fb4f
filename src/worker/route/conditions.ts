// What a route asks of a request beside host and path: method, header fields, query parameters. Pure questions, one
// answer for the router (per request) and for `weir explain`.

/** HEAD is served by a route for GET (RFC 9110 section 9.3.2). `methods` null = all. */
export function methodMatches(methods: readonly string[] | null, method: string): boolean {
  if (methods === null) return true;
  return methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

/**
 * Every pair must stand in the request. A repeated field counts as its values joined by `, ` (RFC 9110 section 5.3).
 *
 * @param wanted [lower-case name, exact value]
 * @param rawHeaders name, value, name, value, … as Node's parser gives them
 */
export function headersMatch(wanted: readonly (readonly [string, string])[], rawHeaders: readonly string[]): boolean {
  for (let index = 0; index < wanted.length; index++) {
    const pair = wanted[index] as readonly [string, string];
    if (headerValue(pair[0], rawHeaders) !== pair[1]) return false;
  }
  return true;
}

/** The value of a header field, null = absent. `name` in lower case. */
export function headerValue(name: string, rawHeaders: readonly string[]): string | null {
  let value: string | null = null;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (!equalsFolded(rawHeaders[index] as string, name)) continue;
    const found = rawHeaders[index + 1] as string;
    value = value === null ? found : `${value}, ${found}`;
  }
  return value;
}

function equalsFolded(mixed: string, lower: string): boolean {
  if (mixed.length !== lower.length) return false;
  for (let at = 0; at < lower.length; at++) {
    let code = mixed.charCodeAt(at);
    if (code >= 0x41 && code <= 0x5a) code += 0x20;
    if (code !== lower.charCodeAt(at)) return false;
  }
  return true;
}

/**
 * Every pair must stand in the query. The first parameter of a name decides (Gateway API), and escapes and `+` are
 * read as forms mean them, so that `?v=%32` cannot slip past a route for `v=2`.
 *
 * @param wanted [name, exact value]; a parameter without `=` has the value ''
 * @param search '' or `?…`
 */
export function queryMatches(wanted: readonly (readonly [string, string])[], search: string): boolean {
  for (let index = 0; index < wanted.length; index++) {
    const pair = wanted[index] as readonly [string, string];
    if (queryValue(pair[0], search) !== pair[1]) return false;
  }
  return true;
}

/** The value of the first parameter `name`, null = absent. */
export function queryValue(name: string, search: string): string | null {
  let start = 1;
  while (start < search.length) {
    let end = search.indexOf('&', start);
    if (end === -1) end = search.length;
    let equals = search.indexOf('=', start);
    if (equals === -1 || equals > end) equals = end;
    if (decodeForm(search.slice(start, equals)) === name) return decodeForm(search.slice(equals + 1, end));
    start = end + 1;
  }
  return null;
}

function decodeForm(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    // not UTF-8 or not an escape: only its own spelling equals it
    return spaced;
  }
}
