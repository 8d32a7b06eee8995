// What a client may call itself and its library: text that leaves CLIENT LIST readable.

import type { Args } from '../../resp/args.ts'

export const NAME_ERROR = 'ERR Client names cannot contain spaces, newlines or special characters.'

/** Whether argument `i` has only the characters from `!` to `~`, or none. */
export function isPlainName({ buf, start, end }: Args, i: number): boolean {
  for (let at = start[i]; at < end[i]; at++) if (buf[at] < 0x21 || buf[at] > 0x7e) return false
  return true
}
