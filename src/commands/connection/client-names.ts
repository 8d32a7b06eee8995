// Validates names of clients and libraries: only characters that keep CLIENT LIST parseable.

import type { Args } from '../../resp/args.ts'

export const NAME_ERROR = 'ERR Client names cannot contain spaces, newlines or special characters.'

/** Whether argument `i` is empty or has only characters from `!` to `~`. */
export function isPlainName({ buf, start, end }: Args, i: number): boolean {
  for (let at = start[i]; at < end[i]; at++) if (buf[at] < 0x21 || buf[at] > 0x7e) return false
  return true
}
