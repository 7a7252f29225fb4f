// The text of a configuration as a place to point at: finds line and column of any path, from the same parser events
// that the values were made of, and cuts excerpts that show no secret. Called by the loader, only once there is a fault.
import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, type ScalarEvent } from 'js-yaml';
import { type Fault, formatPath, type Path } from './fault.ts';

/** What a check found, before it is placed. */
export interface Finding {
  severity: 'error' | 'warning';
  path: Path;
  /** the key itself is meant (an unknown one), not its value */
  atKey?: boolean;
  /** point at this text within the value, if it can be seen there */
  within?: string;
  /** a whole sentence, or in lower case and without a full stop the end of one that begins with the path */
  message: string | ((lineOf: (path: Path) => number) => string);
  hint: string | null;
}

interface Node {
  start: number;
  end: number;
  /** children of a mapping: key text → where the key stands, and its value */
  entries: Map<string, { keyStart: number; value: Node }> | null;
  items: Node[] | null;
}

const EXCERPT_MAX = 120;

export class Source {
  readonly file: string;
  readonly text: string;
  readonly #events: Event[];
  #lineStarts: number[] | null = null;
  #root: Node | null = null;

  /** @param events what js-yaml's parser saw, empty where it refused the text */
  constructor(file: string, text: string, events: Event[]) {
    this.file = file;
    this.text = text;
    this.#events = events;
  }

  place(finding: Finding): Fault {
    let offset = this.#locate(finding.path, finding.atKey === true);
    if (finding.within !== undefined) offset = this.#within(offset, finding.within);
    const words =
      typeof finding.message === 'string'
        ? finding.message
        : finding.message((path) => this.#lineOf(this.#locate(path, false)));
    const path = formatPath(finding.path);
    // "is not a duration" → "routes[0].timeout is not a duration."
    const message = /^[a-z"]/.test(words) ? `${path === '' ? 'The configuration' : path} ${words}.` : words;
    return this.faultAt(offset, finding.severity, path, message, finding.hint);
  }

  /** @param position in the text; one outside of it (parsers give -1, and one past the end) is taken for its nearer end */
  faultAt(position: number, severity: Fault['severity'], path: string, message: string, hint: string | null): Fault {
    const offset = Math.max(0, Math.min(position, this.text.length));
    const line = this.#lineOf(offset);
    const start = this.#starts()[line - 1] ?? 0;
    const col = offset - start + 1;
    const { excerpt, caret } = this.#excerpt(start, offset - start);
    return { severity, file: this.file, line, col, path, message, hint, excerpt, caret };
  }

  /**
   * A scalar is pointed at where it stands; a collection by its key, since its own first line says little. Where the
   * path leads to nothing (a missing key), the nearest thing above it is meant.
   */
  #locate(path: Path, atKey: boolean): number {
    let node = this.#tree();
    // an empty scalar stands nowhere
    let keyStart = Math.max(0, node.start);
    for (const [depth, step] of path.entries()) {
      const last = depth === path.length - 1;
      if (typeof step === 'number') {
        const item: Node | undefined = node.items?.[step];
        if (item === undefined) break;
        node = item;
        if (item.start >= 0) keyStart = item.start;
      } else {
        const entry: { keyStart: number; value: Node } | undefined = node.entries?.get(step);
        if (entry === undefined) break;
        node = entry.value;
        keyStart = entry.keyStart;
        if (last && atKey) return keyStart;
      }
    }
    const scalar = node.entries === null && node.items === null;
    return scalar && node.start >= 0 && node.end > node.start ? node.start : keyStart;
  }

  #within(offset: number, part: string): number {
    const lineEnd = this.#starts()[this.#lineOf(offset)] ?? this.text.length;
    const at = this.text.indexOf(part, offset);
    return at >= 0 && at < lineEnd ? at : offset;
  }

  #tree(): Node {
    this.#root ??= buildTree(this.text, this.#events);
    return this.#root;
  }

  #lineOf(offset: number): number {
    const starts = this.#starts();
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  #starts(): number[] {
    if (this.#lineStarts === null) {
      this.#lineStarts = [0];
      for (const match of this.text.matchAll(/\r\n|\n|\r/g)) this.#lineStarts.push(match.index + match[0].length);
    }
    return this.#lineStarts;
  }

  #excerpt(start: number, column: number): { excerpt: string; caret: number } {
    // a file may be one line of many megabytes: look only at what can be shown, and at enough before it to see a secret
    const from = Math.max(0, column - 2048);
    const tail = this.text.slice(start + from, start + column + EXCERPT_MAX);
    const line = /^[^\r\n]*/.exec(tail)?.[0] ?? '';
    const safe = blot(line).replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ');
    const at = column - from;
    if (from === 0 && safe.length <= EXCERPT_MAX) return { excerpt: safe, caret: at };
    const cut = Math.max(0, at - EXCERPT_MAX / 2);
    const lead = cut + from > 0 ? '…' : '';
    return { excerpt: lead + safe.slice(cut, cut + EXCERPT_MAX), caret: at - cut + lead.length };
  }
}

const SECRET_KEY =
  /(?:[\w-]*(?:token|password|passwd|secret|api-?key|credential)[\w-]*|(?:proxy-)?authorization|(?:set-)?cookie)["']?\s*:\s*/gi;

/** Blots out values of keys that sound secret and passwords in URLs, one star a character so that columns stay. */
export function blot(line: string): string {
  let out = line.replace(
    /(:\/\/[^\s/:@"']*:)([^\s/@]+)(?=@)/g,
    (_, head: string, secret: string) => head + stars(secret),
  );
  for (const match of line.matchAll(SECRET_KEY)) {
    const from = match.index + match[0].length;
    const rest = line.slice(from);
    const inFlow = line.slice(0, match.index).includes('{');
    const value = rest.startsWith('"')
      ? /^"(?:[^"\\]|\\.)*"?/.exec(rest)
      : rest.startsWith("'")
        ? /^'(?:[^']|'')*'?/.exec(rest)
        : inFlow
          ? /^[^,}]*/.exec(rest)
          : /^.*/.exec(rest);
    // `${VAR}` and `${file:…}` name a secret without telling it
    const length = value?.[0].length ?? 0;
    if (/^["']?\$\{[^}:]*(?::[^-}][^}]*)?\}["']?\s*$/.test(rest.slice(0, length))) continue;
    out = out.slice(0, from) + stars(out.slice(from, from + length)) + out.slice(from + length);
  }
  return out;
}

function stars(secret: string): string {
  return secret.replace(/[^\s]/g, '*');
}

/** Nodes with their offsets, nested as the values are; an alias is the node that it names. */
function buildTree(text: string, events: Event[]): Node {
  const anchors = new Map<string, Node>();
  const top: Node = { start: 0, end: 0, entries: null, items: [] };
  const stack: { node: Node; key: Node | null; keyText: string }[] = [{ node: top, key: null, keyText: '' }];

  const put = (node: Node, scalar: ScalarEvent | null): void => {
    const parent = stack.at(-1);
    if (parent === undefined) return;
    if (parent.node.items !== null) {
      parent.node.items.push(node);
    } else if (parent.key === null) {
      parent.key = node;
      parent.keyText = scalar === null ? '' : getScalarValue(text, scalar);
    } else {
      parent.node.entries?.set(parent.keyText, { keyStart: parent.key.start, value: node });
      parent.key = null;
    }
  };

  for (const event of events) {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        stack.push({ node: top, key: null, keyText: '' });
        break;
      case EVENT_ID.POP:
        stack.pop();
        break;
      case EVENT_ID.SCALAR: {
        const node = scalarNode(event);
        remember(anchors, text, event, node);
        put(node, event);
        break;
      }
      case EVENT_ID.ALIAS: {
        const name = text.slice(event.anchorStart, event.anchorEnd);
        put(anchors.get(name) ?? { start: event.anchorStart, end: event.anchorEnd, entries: null, items: null }, null);
        break;
      }
      default: {
        const mapping = event.type === EVENT_ID.MAPPING;
        const node: Node = {
          start: event.start,
          end: event.start,
          entries: mapping ? new Map() : null,
          items: mapping ? null : [],
        };
        remember(anchors, text, event, node);
        put(node, null);
        stack.push({ node, key: null, keyText: '' });
      }
    }
  }
  return top.items?.[0] ?? top;
}

/** From its opening quote. A block scalar (`|`, `>`) is left empty, so that its key is pointed at, not its second line. */
function scalarNode(event: ScalarEvent): Node {
  const block = event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK;
  const start = event.style === SCALAR_STYLE.PLAIN ? event.valueStart : event.valueStart - 1;
  return { start, end: block ? start : event.valueEnd, entries: null, items: null };
}

function remember(
  anchors: Map<string, Node>,
  text: string,
  event: { anchorStart: number; anchorEnd: number },
  node: Node,
): void {
  if (event.anchorStart >= 0) anchors.set(text.slice(event.anchorStart, event.anchorEnd), node);
}
