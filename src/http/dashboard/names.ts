// Keys as text for the dashboard: any bytes, as a part of a path and as something to read.

/** How many characters of a key or a value are shown. */
const MAX_SHOWN = 256

/** A key of any bytes. */
export interface KeyName {
  /** Percent-encoded: the key in the path of a route. */
  readonly id: string
  /** For display: shortened, and with escapes for bytes that are not text. */
  readonly text: string
}

export function keyName(key: Buffer): KeyName {
  return { id: encodeKey(key), text: onOneLine(shownText(key)) }
}

/** Two keys that differ in a line end look different. */
function onOneLine(text: string): string {
  return text.replace(/[\t\n]/g, escapedCharacter)
}

/** Percent-encodes all bytes but letters, digits and `-._~`, so that no part of a path is special. */
export function encodeKey(key: Buffer): string {
  let text = ''
  for (const byte of key) {
    const isPlain =
      (byte >= 0x30 && byte <= 0x39) ||
      (byte >= 0x41 && byte <= 0x5a) ||
      (byte >= 0x61 && byte <= 0x7a) ||
      byte === 0x2d ||
      byte === 0x2e ||
      byte === 0x5f ||
      byte === 0x7e
    text += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

/** Text as it is; control characters, and bytes that are not UTF-8, as `\x00`. At most `most` characters. */
export function shownText(bytes: Buffer, most = MAX_SHOWN): string {
  const part = bytes.subarray(0, most)
  const decoded = part.toString('utf8')
  // The cut may have divided a character.
  const isText = Buffer.from(decoded).equals(part) || (part.length < bytes.length && isCutText(decoded))
  const text = isText ? decoded.replace(/\uFFFD+$/, '') : part.toString('latin1')
  const shown = text.replace(isText ? CONTROLS : NOT_ASCII, escapedCharacter)
  return part.length < bytes.length ? `${shown}… (${bytes.length} bytes)` : shown
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
const NOT_ASCII = /[\x00-\x08\x0b-\x1f\x7f-\xff]/g

function escapedCharacter(character: string): string {
  const code = character.charCodeAt(0)
  return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`
}

function isCutText(decoded: string): boolean {
  return /^[^\uFFFD]*\uFFFD{1,3}$/.test(decoded)
}
