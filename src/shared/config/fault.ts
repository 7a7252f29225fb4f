// A fault in the configuration, placed in its file, and how it is printed. Made by the loader; shown by `weir check`,
// by a refused start and by a refused reload.

export interface Fault {
  severity: 'error' | 'warning';
  file: string;
  /** from 1 */
  line: number;
  /** from 1, in UTF-16 units as editors count */
  col: number;
  /** `upstreams.users.retry`, `routes[3].path`; '' for the whole file */
  path: string;
  /** a whole sentence */
  message: string;
  hint: string | null;
  /** the source line with secrets blotted out; the part around the column where the line is long */
  excerpt: string;
  /** from 0: where in the excerpt the caret belongs */
  caret: number;
}

/** A step into the configuration: a key, or an index of a list. */
export type Path = readonly (string | number)[];

/** `['upstreams', 'users', 'endpoints', 0]` → `upstreams.users.endpoints[0]`; odd names are quoted. */
export function formatPath(path: Path): string {
  let out = '';
  for (const step of path) {
    if (typeof step === 'number') out += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) out += out === '' ? step : `.${step}`;
    else out += `[${JSON.stringify(step)}]`;
  }
  return out;
}

/** Four lines at most: `file:line:col: error: message`, the line, the caret, the hint. No newline at the end. */
export function formatFault(fault: Fault, colour: boolean): string {
  const tint = fault.severity === 'error' ? '31' : '33';
  const where = `${fault.file}:${fault.line}:${fault.col}`;
  const lines = [`${paint(where, '1', colour)}: ${paint(fault.severity, tint, colour)}: ${fault.message}`];
  if (fault.excerpt.trim() !== '') {
    lines.push(`  ${fault.excerpt}`, `  ${' '.repeat(fault.caret)}${paint('^', tint, colour)}`);
  }
  if (fault.hint !== null) lines.push(`  ${paint('hint:', '36', colour)} ${fault.hint}`);
  return lines.join('\n');
}

function paint(text: string, code: string, colour: boolean): string {
  return colour ? `\x1b[${code}m${text}\x1b[0m` : text;
}
