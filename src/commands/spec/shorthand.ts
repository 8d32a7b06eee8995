// Shorthand for parts that many command specifications have in common.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { ArgumentSpec, KeyFlag, KeySpec } from './command.ts'
import type { Context } from './context.ts'

/** One key at argument 1. */
export function oneKey(...flags: readonly KeyFlag[]): readonly KeySpec[] {
  return [{ first: 1, last: 1, step: 1, flags }]
}

/** Keys from argument 1 to the last, every `step` arguments. */
export function manyKeys(step: number, ...flags: readonly KeyFlag[]): readonly KeySpec[] {
  return [{ first: 1, last: -1, step, flags }]
}

/** For `findKeys`: keys that follow their number, which is argument `i`. None if that is not a valid number of keys. */
export function countedKeys(i: number): (context: Context) => number[] {
  return ({ args }) => {
    if (i >= args.count) return []
    const count = parseInteger(args.buf, args.start[i], args.end[i])
    return count > 0 && count < args.count - i ? Array.from({ length: count }, (_, at) => i + 1 + at) : []
  }
}

/** An argument of COMMAND DOCS. */
export function arg(
  name: string,
  type: ArgumentSpec['type'],
  more: Partial<ArgumentSpec> = {},
): ArgumentSpec {
  return { name, type, ...more }
}

/** A word that stands for itself: `NX`. */
export function token(word: string, more: Partial<ArgumentSpec> = {}): ArgumentSpec {
  return { name: word.toLowerCase(), type: 'pure-token', token: word, ...more }
}

/** A value behind its word: `EX seconds`. */
export function option(
  word: string,
  name: string,
  type: ArgumentSpec['type'],
  more: Partial<ArgumentSpec> = {},
): ArgumentSpec {
  return { name, type, token: word, ...more }
}

export function oneOf(
  name: string,
  choices: readonly ArgumentSpec[],
  more: Partial<ArgumentSpec> = {},
): ArgumentSpec {
  return { name, type: 'oneof', arguments: choices, ...more }
}

export const KEY: ArgumentSpec = { name: 'key', type: 'key' }
