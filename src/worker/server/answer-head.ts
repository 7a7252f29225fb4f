// The text of an answer's head. Status lines are built once each; the date once a second. Called for every answer.

// an import of it would touch each of its exports, WebSocket among them, and load Node's bundled undici: 50 ms
const { STATUS_CODES } = process.getBuiltinModule('node:http');

const STATUS_LINES = new Map<number, string>();

/**
 * Status line and fields, without framing and the empty line; Date where the upstream sent none (RFC 9110 section 6.6.1).
 * @param fields flat list whose names and values have been checked
 */
export function answerHead(status: number, statusText: string, fields: readonly string[]): string {
  let text = statusLine(status, statusText);
  let dated = false;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!;
    if (name.length === 4 && name.toLowerCase() === 'date') dated = true;
    text += `${name}: ${fields[at + 1]}\r\n`;
  }
  return dated ? text : `${text}date: ${currentDate()}\r\n`;
}

/** `HTTP/1.1 200 OK⏎`. @param statusText of the upstream; '' takes the registered one */
function statusLine(status: number, statusText: string): string {
  if (statusText !== '' && statusText !== STATUS_CODES[status]) return `HTTP/1.1 ${status} ${statusText}\r\n`;
  let line = STATUS_LINES.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    STATUS_LINES.set(status, line);
  }
  return line;
}

let date = '';
let dateUntil = 0;

function currentDate(): string {
  const now = Date.now();
  if (now >= dateUntil) {
    date = new Date(now).toUTCString();
    dateUntil = now - (now % 1000) + 1000;
  }
  return date;
}
