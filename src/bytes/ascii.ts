// ASCII case folding and quoting, by the rules of Redis's C locale.

const UPPER_A = 0x41
const UPPER_Z = 0x5a
const CASE_BIT = 0x20

/** Byte → its lower-case letter for `A`–`Z`, else itself (C `tolower` in the C locale). */
export const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, c) =>
  c >= UPPER_A && c <= UPPER_Z ? c | CASE_BIT : c,
)

/** Byte → its upper-case letter for `a`–`z`, else itself. */
export const UPPER: Uint8Array = Uint8Array.from({ length: 256 }, (_, c) =>
  c >= (UPPER_A | CASE_BIT) && c <= (UPPER_Z | CASE_BIT) ? c ^ CASE_BIT : c,
)

/**
 * Whether `bytes[start, end)` equals `upper`, ignoring case. Allocates nothing.
 *
 * @param upper ASCII text without lower-case letters
 */
export function equalsUpper(bytes: Uint8Array, start: number, end: number, upper: string): boolean {
  const length = end - start
  if (length !== upper.length) return false
  for (let i = 0; i < length; i++) {
    if (UPPER[bytes[start + i]] !== upper.charCodeAt(i)) return false
  }
  return true
}

/** Whether two byte ranges are equal, ignoring the case of ASCII letters. Allocates nothing. */
export function equalsIgnoringCase(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  const length = aEnd - aStart
  if (length !== bEnd - bStart) return false
  for (let i = 0; i < length; i++) {
    if (LOWER[a[aStart + i]] !== LOWER[b[bStart + i]]) return false
  }
  return true
}

/** The quoted form of each byte. */
const QUOTED: readonly string[] = Array.from({ length: 256 }, (_, c) => {
  switch (c) {
    case 0x07:
      return '\\a'
    case 0x08:
      return '\\b'
    case 0x09:
      return '\\t'
    case 0x0a:
      return '\\n'
    case 0x0d:
      return '\\r'
    case 0x22:
      return '\\"'
    case 0x5c:
      return '\\\\'
    default:
      return c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : `\\x${c.toString(16).padStart(2, '0')}`
  }
})

/** `bytes[start, end)` as printable text in double quotes: `"a\x00\n"` (Redis: `sdscatrepr`, as in MONITOR). */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let text = '"'
  // Ranges without escapes, possibly megabytes, are copied as a whole.
  let plain = start
  for (let i = start; i < end; i++) {
    const escaped = QUOTED[bytes[i]]
    if (escaped.length === 1) continue
    text += buffer.toString('latin1', plain, i) + escaped
    plain = i + 1
  }
  return `${text}${buffer.toString('latin1', plain, end)}"`
}
