// Which keys can be loaded: an origin gets a key as text.

import { isUtf8 } from 'node:buffer'

/** Longer keys are not loaded: each load makes several copies of the key. */
export const MAX_KEY_BYTES = 2 ** 20

/** Longest part of a key shown in an error, in bytes. */
const MAX_SHOWN = 60

/** Why this key cannot be loaded: it is too long, or not UTF-8 text. */
export function refusalOf(key: Buffer): string | undefined {
  if (key.length > MAX_KEY_BYTES)
    return `a key of ${key.length} bytes is not loaded, the limit is ${MAX_KEY_BYTES}`
  // Decoding would map several such keys to the same text.
  return isUtf8(key) ? undefined : `the key "${escaped(key)}" is not UTF-8 and is not loaded`
}

/** As `redis-cli` shows it, shortened. */
function escaped(key: Buffer): string {
  const shown = key.toString('latin1', 0, MAX_SHOWN)
  return shown.replace(/[^ !#-[\]-~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
