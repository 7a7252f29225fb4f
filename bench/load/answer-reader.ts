// The least reader of HTTP/1.1 answers: those with a Content-Length, one after another, in whatever pieces they come. For
// open-loop.ts, whose own cost must stay small.

const HEAD_BYTES_MAX = 65_536;
const END = Buffer.from('\r\n\r\n');

export class AnswerReader {
  /** of the last answer that is whole */
  status = 0;
  /** the last answer that is whole said `Connection: close` */
  closing = false;
  #head: Buffer = Buffer.alloc(0);
  #bodyLeft = 0;
  #inBody = false;

  /** Takes a piece; returns how many answers became whole with it. Throws a sentence on what it cannot read. */
  push(piece: Buffer): number {
    let whole = 0;
    let at = 0;
    while (at < piece.length) {
      if (!this.#inBody) {
        const before = this.#head.length;
        const bytes = before === 0 ? piece.subarray(at) : Buffer.concat([this.#head, piece.subarray(at)]);
        const end = bytes.indexOf(END);
        if (end < 0) {
          if (bytes.length > HEAD_BYTES_MAX) throw new Error(`no end of a head within ${HEAD_BYTES_MAX} bytes`);
          this.#head = bytes;
          return whole;
        }
        this.#readHead(bytes.toString('latin1', 0, end + 2));
        this.#head = Buffer.alloc(0);
        at += end + END.length - before;
      }
      const taken = Math.min(this.#bodyLeft, piece.length - at);
      this.#bodyLeft -= taken;
      at += taken;
      this.#inBody = this.#bodyLeft > 0;
      if (!this.#inBody) whole += 1;
    }
    return whole;
  }

  #readHead(head: string): void {
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
    const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i.exec(head)?.[1];
    if (status === undefined) throw new Error(`not an answer: ${JSON.stringify(head.slice(0, 60))}`);
    if (length === undefined) throw new Error(`an answer of ${status} without Content-Length`);
    this.status = Number(status);
    this.closing = /\r\nconnection:[ \t]*close\b/i.test(head);
    this.#bodyLeft = Number(length);
    this.#inBody = true;
  }
}
