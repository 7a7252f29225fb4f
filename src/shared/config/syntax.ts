// From text to plain values, or to every syntax fault in it. js-yaml reads (10,000 routes in 0.2–0.3 s, the yaml
// package took 1.1–1.7 s); the yaml package, which goes on after a fault, is loaded only to list them all.
import { createRequire } from 'node:module';
import { CORE_SCHEMA, constructFromEvents, type Event, parseEvents, YAMLException } from 'js-yaml';
import type * as Yaml from 'yaml';
import type { Fault } from './fault.ts';
import { Source } from './source.ts';

export type Parsed = { ok: true; value: unknown; source: Source } | { ok: false; faults: Fault[] };

/** The parser's own bound for brackets inside brackets; values nest at most this deep. */
export const DEPTH_MAX = 100;
const ALIASES_MAX = 10_000;
const SYNTAX_FAULTS_MAX = 100;

/** Never throws. `text` is decoded already; a byte order mark is passed over. */
export function parseText(text: string, file: string): Parsed {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f]/.exec(body);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0').toUpperCase();
    const hint = 'Only text is possible here; was another file given by mistake?';
    return fail(new Source(file, body, []), control.index, `The file holds the control character U+00${code}.`, hint);
  }
  let events: Event[] = [];
  try {
    events = parseEvents(body, { maxDepth: DEPTH_MAX });
    const documents = constructFromEvents(events, { source: body, schema: CORE_SCHEMA, maxAliases: ALIASES_MAX });
    if (documents.length === 0 || (documents.length === 1 && documents[0] === null)) return empty(file, body);
    if (documents.length === 1) return { ok: true, value: documents[0], source: new Source(file, body, events) };
  } catch (error) {
    return { ok: false, faults: syntaxFaults(new Source(file, body, []), error) };
  }
  return { ok: false, faults: syntaxFaults(new Source(file, body, []), null) };
}

function empty(file: string, body: string): Parsed {
  const hint = 'If every line is a comment, begin with: listeners: [{ address: 127.0.0.1:8080 }]';
  return fail(new Source(file, body, []), 0, 'The file holds no configuration; it would drop every listener.', hint);
}

function syntaxFaults(source: Source, error: unknown): Fault[] {
  const first = ownFault(source, error);
  // beyond its depth the other parser recurses until the stack ends
  if (error instanceof YAMLException && /depth/i.test(error.reason)) return [first];
  try {
    const faults = otherParserFaults(source);
    return faults.length > 0 ? faults : [first];
  } catch {
    // the other parser gave up altogether (RangeError on absurd nesting): what the first one said stands
    return [first];
  }
}

function ownFault(source: Source, error: unknown): Fault {
  if (!(error instanceof YAMLException)) {
    const message = error === null ? 'The file holds more than one YAML document.' : 'The text cannot be read as YAML.';
    return source.faultAt(0, 'error', '', message, null);
  }
  return source.faultAt(error.mark?.position ?? 0, 'error', '', sentence(error.reason), hintFor(error.reason));
}

function otherParserFaults(source: Source): Fault[] {
  const { parseDocument } = createRequire(import.meta.url)('yaml') as typeof Yaml;
  const document = parseDocument(source.text, { prettyErrors: false, logLevel: 'silent', uniqueKeys: true });
  const faults: Fault[] = [];
  let astray = false;
  for (const error of document.errors) {
    // one misplaced character makes the rest unexpected, token by token: what follows it is noise
    const token = error.code === 'UNEXPECTED_TOKEN';
    if (token && astray) continue;
    astray ||= token;
    const message = WORDS[error.code] ?? sentence(error.message);
    const fault = source.faultAt(error.pos[0], 'error', '', message, hintFor(error.message));
    if (token && fault.excerpt[fault.caret] === '{') fault.hint = FLOW_HINT;
    if (fault.line !== faults.at(-1)?.line) faults.push(fault);
    if (faults.length === SYNTAX_FAULTS_MAX) break;
  }
  return faults;
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is what an operator writes
const FLOW_HINT = 'Within { } and [ ] a value with braces must be in quotes: "/users/{id}", "${VAR}".';

const WORDS: { [code in Yaml.ErrorCode]?: string } = {
  DUPLICATE_KEY: 'This key is written twice in the same block.',
  MULTIPLE_DOCS: 'The file holds more than one YAML document.',
  TAB_AS_INDENT: 'A tab is used for indentation.',
};

function hintFor(reason: string): string | null {
  if (/tab/i.test(reason)) return 'YAML is indented with blanks only.';
  if (/alias/i.test(reason)) return 'A value that begins with * must be in quotes: "*.example.com".';
  if (/duplicat|unique/i.test(reason)) return 'Only one of the two could be in force: remove the other.';
  return null;
}

function sentence(reason: string): string {
  const text = reason.charAt(0).toUpperCase() + reason.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function fail(source: Source, offset: number, message: string, hint: string | null): Parsed {
  return { ok: false, faults: [source.faultAt(offset, 'error', '', message, hint)] };
}
