// Parses the values of CONFIG SET, with Redis's errors.

import { isCanonicalInteger } from '../../bytes/numbers/decimal.ts'
import { parseSize, parseSizeOrPercent } from '../../bytes/units.ts'
import type { Apply } from '../../commands/spec/parameter.ts'
import type { OutputLimit, OutputLimits } from '../settings.ts'

export const INT_MAX: number = 2 ** 31 - 1
const LONG_MAX = '9223372036854775807'

/** Returns Redis's error text, or a function that applies the value. */
export type Accept<Value> = (text: string, use: (value: Value) => void) => string | Apply

/** A whole number from `least` to `most` (by default the largest `long long` of C). */
export function integer(least: number, most: number = Number.POSITIVE_INFINITY): Accept<number> {
  return (text, use) => {
    const bytes = Buffer.from(text, 'latin1')
    if (!isCanonicalInteger(bytes, 0, bytes.length)) return "argument couldn't be parsed into an integer"
    return within(Number(text), least, most, use)
  }
}

/** An `int` of C that is at least `least`. */
export const int = (least: number): Accept<number> => integer(least, INT_MAX)

/**
 * Bytes, with or without a unit.
 * @param why the reason of the bound, for the error
 */
export function memory(least: number, why = ''): Accept<number> {
  return (text, use) => {
    const bytes = parseSize(text)
    if (bytes === undefined) return 'argument must be a memory value'
    const accepted = within(bytes, least, Number.POSITIVE_INFINITY, use)
    return typeof accepted === 'string' ? accepted + why : accepted
  }
}

/** Bytes, or a percentage of `maxmemory`, which is negative. */
export const memoryOrPercent: Accept<number> = (text, use) => {
  const value = parseSizeOrPercent(text)
  if (value === undefined) return 'argument must be a memory or percent value'
  return value < -100 ? 'percentage argument must be less or equal to 100' : () => use(value)
}

function within(value: number, least: number, most: number, use: (value: number) => void): string | Apply {
  if (value >= least && value <= most) return () => use(value)
  const bound = most === Number.POSITIVE_INFINITY ? LONG_MAX : most
  return `argument must be between ${least} and ${bound} inclusive`
}

export const yesNo: Accept<boolean> = (text, use) => {
  const word = text.toLowerCase()
  return word === 'yes' || word === 'no' ? () => use(word === 'yes') : "argument must be 'yes' or 'no'"
}

/** One of the words, case-insensitive. */
export function oneOf<const Word extends string>(words: readonly Word[]): Accept<Word> {
  return (text, use) => {
    const word = words.find((each) => each === text.toLowerCase())
    if (word !== undefined) return () => use(word)
    return `argument(s) must be one of the following: ${words.join(', ')}`
  }
}

export const anyText: Accept<string> = (text, use) => () => use(text)

/** Percentages separated by spaces; may be empty. */
export const percentiles: Accept<readonly number[]> = (text, use) => {
  const words = text.split(/\s+/).filter((word) => word !== '')
  const numbers = words.map(Number)
  if (numbers.some(Number.isNaN)) return 'Invalid latency-tracking-info-percentiles parameters'
  if (numbers.some((number) => number < 0 || number > 100))
    return 'latency-tracking-info-percentiles parameters should sit between [0.0,100.0]'
  return () => use(numbers)
}

/** `class hard soft seconds`, repeated; other classes keep their limits. */
export function outputLimits(current: () => OutputLimits): Accept<OutputLimits> {
  return (text, use) => {
    const words = text.split(/\s+/).filter((word) => word !== '')
    if (words.length % 4 !== 0) return 'Wrong number of arguments in buffer limit configuration.'
    const limits = { ...current() }
    for (let i = 0; i < words.length; i += 4) {
      const name = words[i].toLowerCase().replace('slave', 'replica')
      if (name !== 'normal' && name !== 'replica' && name !== 'pubsub')
        return 'Invalid client class specified in buffer limit configuration.'
      const limit = outputLimit(words[i + 1], words[i + 2], words[i + 3])
      if (limit === undefined)
        return 'Error in hard, soft or soft_seconds setting in buffer limit configuration.'
      limits[name] = limit
    }
    return () => use(limits)
  }
}

function outputLimit(hardText: string, softText: string, seconds: string): OutputLimit | undefined {
  const hard = parseSize(hardText)
  const soft = parseSize(softText)
  if (hard === undefined || soft === undefined || !/^\d{1,9}$/.test(seconds)) return undefined
  return { hard, soft, softTime: Number(seconds) * 1000 }
}

/** The format of CONFIG GET. */
export function outputLimitsText({ normal, replica, pubsub }: OutputLimits): string {
  const text = ({ hard, soft, softTime }: OutputLimit): string =>
    `${hard} ${soft} ${Math.floor(softTime / 1000)}`
  return `normal ${text(normal)} slave ${text(replica)} pubsub ${text(pubsub)}`
}
