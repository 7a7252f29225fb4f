// The building blocks that the schema is written with: each makes one option out of its sentence, bounds and unit, so
// that check, type, JSON Schema and docs/config.md cannot drift apart. Called by the schema files beside this one.
import * as z from 'zod';
import { Refusal } from './refusal.ts';
import { DURATION_PATTERN, formatDuration, formatSize, parseDuration, parseSize, SIZE_PATTERN } from './units.ts';

/** `500ms`, `2s`, `1h30m` → milliseconds within [min, max]. */
export function duration(sentence: string, min: string, max: string) {
  const low = knownDuration(min);
  const high = knownDuration(max);
  return z
    .string({ error: 'must be a duration with a unit, such as 500ms, 2s or 1h30m' })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms === null) {
        return refuse(
          context,
          text,
          new Refusal(
            'is not a duration',
            'Write a number and a unit, such as 500ms, 2s or 1h30m (units: d, h, m, s, ms).',
          ),
        );
      }
      if (ms < low || ms > high) {
        return refuse(
          context,
          text,
          new Refusal(`must lie between ${formatDuration(low)} and ${formatDuration(high)}`),
        );
      }
      return ms;
    })
    .meta({
      description: sentence,
      pattern: DURATION_PATTERN,
      'x-unit': 'duration',
      'x-bounds': `${formatDuration(low)} to ${formatDuration(high)}`,
    });
}

/** `64KiB`, `10MB`, plain bytes → bytes within [min, max]. */
export function size(sentence: string, min: string, max: string) {
  const low = knownSize(min);
  const high = knownSize(max);
  return z
    .union([z.int().meta({ minimum: low, maximum: high }), z.string().meta({ pattern: SIZE_PATTERN })], {
      error: 'must be a size such as 64KiB, 10MiB or a number of bytes',
    })
    .transform((input, context) => {
      const bytes = typeof input === 'number' ? input : parseSize(input);
      if (bytes === null) {
        return refuse(
          context,
          input,
          new Refusal('is not a size', 'Write a number and a unit: KiB, MiB, GiB (1024), KB, MB, GB (1000), or bytes.'),
        );
      }
      if (bytes < low || bytes > high) {
        return refuse(context, input, new Refusal(`must lie between ${formatSize(low)} and ${formatSize(high)}`));
      }
      return bytes;
    })
    .meta({ description: sentence, 'x-unit': 'size', 'x-bounds': `${formatSize(low)} to ${formatSize(high)}` });
}

/** A whole number within [min, max]. */
export function count(sentence: string, min: number, max: number) {
  return z.int().min(min).max(max).meta({ description: sentence });
}

/** A number within [min, max], fractions allowed. */
export function ratio(sentence: string, min: number, max: number) {
  return z.number().min(min).max(max).meta({ description: sentence });
}

export function flag(sentence: string) {
  return z.boolean().meta({ description: sentence });
}

/** Free text of one line at least one character long. */
export function text(sentence: string) {
  return z
    .string()
    .regex(/^[^\x00-\x08\x0a-\x1f\x7f]+$/, { error: 'must be one line of text, and not empty' })
    .meta({ description: sentence });
}

/** Text that `read` turns into its canonical form, or refuses. `pattern` is for editors only. */
export function read<T>(sentence: string, reader: (input: string) => T | Refusal, pattern?: string) {
  return z
    .string()
    .transform((input, context): T => {
      const value = reader(input);
      return value instanceof Refusal ? refuse(context, input, value) : value;
    })
    .meta(pattern === undefined ? { description: sentence } : { description: sentence, pattern });
}

/** A block of options: unknown keys are faults. */
export function block<S extends z.core.$ZodLooseShape>(sentence: string, shape: S) {
  return z.strictObject(shape).meta({ description: sentence });
}

function refuse(context: z.core.$RefinementCtx, input: unknown, refusal: Refusal): never {
  context.issues.push({ code: 'custom', message: refusal.message, input, params: { hint: refusal.hint } });
  return z.NEVER;
}

function knownDuration(input: string): number {
  return parseDuration(input) ?? Number.NaN;
}

function knownSize(input: string): number {
  return parseSize(input) ?? Number.NaN;
}
