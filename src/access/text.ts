// Names, rules and passwords: texts with one character per byte.

/** A text in that form. */
export function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}
