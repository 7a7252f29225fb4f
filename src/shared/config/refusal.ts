// What a reader of one option returns instead of a value. Apart from the schema, so that a worker can use the readers'
// files without loading zod.

export class Refusal {
  /** the end of a sentence that begins with the option's name, without a full stop */
  readonly message: string;
  readonly hint: string | null;
  constructor(message: string, hint: string | null = null) {
    this.message = message;
    this.hint = hint;
  }
}
