// Header fields as flat [name, value, name, value…] lists, the form that they have from one socket to the other.

/**
 * Takes out every field of these names, in place.
 * @param names lower case
 */
export function removeFields(fields: string[], names: ReadonlySet<string>): void {
  let kept = 0;
  for (let at = 0; at < fields.length; at += 2) {
    if (names.has(fields[at]!.toLowerCase())) continue;
    fields[kept] = fields[at]!;
    fields[kept + 1] = fields[at + 1]!;
    kept += 2;
  }
  fields.length = kept;
}
