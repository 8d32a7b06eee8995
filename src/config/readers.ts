// Readers of configuration values: what each field accepts, how it is parsed, and the message for any other value.

import { isIP } from 'node:net'
import { z } from 'zod'
import { nearest } from '../bytes/nearest.ts'
import {
  formatDuration,
  parseDuration,
  parseMilliseconds,
  parseSize,
  parseSizeOrPercent,
} from '../bytes/units.ts'
import type { BindAddress } from '../server/settings.ts'

/** A schema with one error message: what it got and what it wants. */
export type Reader<Output, Input> = z.ZodType<Output, Input>

/** The longest delay of a Node.js timer, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1

const HOST_NAME = /^(?=.*[a-z])[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i
const MAX_SHOWN = 60

/** The message about an unknown field lists all known fields if there are at most this many. */
const LISTED_FIELDS = 32

/** Creates a reader from a function that returns `undefined` for a value that is not accepted. */
export function reader<Output, Input>(
  wants: string,
  read: (value: unknown) => Output | undefined,
  shown: (value: unknown) => string = show,
): Reader<Output, Input> {
  const schema = z.unknown().transform((value, context): Output => {
    const output = read(value)
    if (output !== undefined) return output
    context.addIssue({ code: 'custom', message: `got ${shown(value)}, wants ${wants}` })
    return z.NEVER
  })
  return schema as unknown as Reader<Output, Input>
}

/** An object without unknown fields. Each problem has the path of its field. */
export function fields<Shape extends z.ZodRawShape>(shape: Shape): z.ZodType<z.output<z.ZodObject<Shape>>> {
  const known = Object.keys(shape)
  const schema = z.object(shape)
  return z.unknown().transform((value, context) => {
    if (!isObject(value)) {
      context.addIssue({ code: 'custom', message: `got ${show(value)}, wants an object` })
      return z.NEVER
    }
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue
      const meant = nearest(name, known)
      const all = known.length <= LISTED_FIELDS ? known.join(', ') : 'those of docs/configuration.md'
      const hint = meant === undefined ? `, known are ${all}` : `, did you mean ${meant}?`
      context.addIssue({ code: 'custom', message: `unknown field${hint}`, path: [name] })
    }
    return within(context, schema.safeParse(value))
  })
}

/** The output of a schema for a part of a value; its problems are added to `context`, with `path` before their own. */
export function within<Output>(
  context: z.core.$RefinementCtx,
  { error, data }: z.ZodSafeParseResult<Output>,
  ...path: (string | number)[]
): Output {
  for (const { message, path: rest } of error?.issues ?? []) {
    context.addIssue({ code: 'custom', message, path: [...path, ...rest] })
  }
  return data ?? z.NEVER
}

/** Whether a value is an object, but not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A whole number from `least` to `most`. */
export function whole(
  least: number,
  most = Number.MAX_SAFE_INTEGER,
  wants = 'a whole number',
): Reader<number, number | string> {
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`
  return reader(`${wants}, ${range}`, (value) => {
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    return isWithin(number, least, most) ? number : undefined
  })
}

/** A number from 0 to `most`, also as text. */
export function fractionTo(most: number, wants = 'a fraction'): Reader<number, number | string> {
  return reader(`${wants} from 0 to ${most}`, (value) => {
    const number = typeof value === 'string' && /^\d*\.?\d+$/.test(value) ? Number(value) : value
    return typeof number === 'number' && number >= 0 && number <= most ? number : undefined
  })
}

/** Bytes: a number, or text with one of Redis's units. The bounds are given as such text. */
export function size(least: string, most?: string): Reader<number, number | string> {
  const bounds = most === undefined ? `at least ${least}` : `from ${least} to ${most}`
  const floor = parseSize(least)!
  const ceiling = most === undefined ? Number.MAX_SAFE_INTEGER : parseSize(most)!
  return reader(`a size such as '64mb', ${bounds}`, (value) => {
    const bytes = typeof value === 'string' ? parseSize(value) : value
    return isWithin(bytes, floor, ceiling) ? bytes : undefined
  })
}

/** Bytes, or a percentage, which is negative. */
export const sizeOrPercent: Reader<number, number | string> = reader(
  "a size such as '64mb', or a percentage from '0%' to '100%'",
  (value) => {
    const parsed = typeof value === 'string' ? parseSizeOrPercent(value) : value
    const least = typeof value === 'string' ? -100 : 0
    return isWithin(parsed, least, Number.MAX_SAFE_INTEGER) ? parsed : undefined
  },
)

/** Milliseconds: a number, or text with a unit. `limit`: the maximum; `timed`: the longest delay of a timer. */
export function duration(least: number, limit?: 'timed' | number): Reader<number, number | string> {
  const most = limit === 'timed' ? LONGEST_TIMER : (limit ?? Number.MAX_SAFE_INTEGER)
  const bounds =
    typeof limit === 'number'
      ? `, from ${formatDuration(least)} to ${formatDuration(limit)}`
      : `${least > 0 ? `, at least ${least}ms` : ''}${limit ? ', at most 24d' : ''}`
  return reader(`a duration such as '5m' or '250ms', or a number of milliseconds${bounds}`, (value) => {
    const ms = typeof value === 'string' ? parseMilliseconds(value) : value
    return isWithin(ms, least, most) ? ms : undefined
  })
}

/**
 * Milliseconds of a setting that Redis has in seconds: 0, or text with a unit. A bare number is rejected:
 * `timeout: 300` could mean seconds or milliseconds.
 */
export const seconds: Reader<number, 0 | string> = reader(
  "whole seconds with their unit, such as '300s' or '5m', or 0 for none (a bare number could be milliseconds)",
  (value) => {
    const ms = value === 0 || value === '0' ? 0 : typeof value === 'string' ? parseDuration(value) : undefined
    return isWithin(ms, 0, LONGEST_TIMER) && ms % 1000 === 0 ? ms : undefined
  },
)

/** Microseconds of a setting that Redis has in microseconds: 0, -1 for never, or text with a unit. */
export const microseconds: Reader<number, 0 | -1 | string> = reader(
  "a duration with its unit, such as '10ms' or '500us', 0 for all or -1 for none (a bare number could be milliseconds)",
  (value) => {
    if (value === 0 || value === '0') return 0
    if (value === -1 || value === '-1') return -1
    const ms = typeof value === 'string' ? parseDuration(value) : undefined
    if (ms === undefined) return undefined
    const micros = Math.round(ms * 1000)
    return isWithin(micros, 0, Number.MAX_SAFE_INTEGER) ? micros : undefined
  },
)

/** true or false, or Redis's yes or no. */
export const yesNo: Reader<boolean, boolean | 'yes' | 'no'> = reader(
  'yes or no (or true or false)',
  (value) => {
    if (value === true || value === 'yes' || value === 'true') return true
    if (value === false || value === 'no' || value === 'false') return false
    return undefined
  },
)

/** Text that `isRight` accepts; by default any that is not blank. */
export function text(
  wants: string,
  isRight: (value: string) => boolean = (value) => value.trim() !== '',
): Reader<string, string> {
  return reader(wants, (value) => (typeof value === 'string' && isRight(value) ? value : undefined))
}

/** Text that error messages must not show. */
export const secret: Reader<string, string> = reader(
  'text',
  (value) => (typeof value === 'string' ? value : undefined),
  givenKind,
)

/** One of a few words. */
export function oneOf<const Word extends string>(...words: Word[]): Reader<Word, Word> {
  return reader(`one of ${words.join(', ')}`, (value) => words.find((word) => word === value))
}

/** A list of texts, or one text separated by spaces or commas. `read` parses each; there must be at least one. */
export function list<Item>(
  wants: string,
  read: (text: string) => Item | undefined,
): Reader<readonly Item[], string | readonly string[]> {
  return reader(`${wants}, at least one`, (value) => {
    const items = wordsOf(value)?.map(read) ?? []
    return items.length === 0 || items.includes(undefined) ? undefined : (items as Item[])
  })
}

/** The words of a text, or of a list of texts such as the arguments of a flag; `undefined`: it is neither. */
function wordsOf(value: unknown): readonly string[] | undefined {
  const texts = typeof value === 'string' ? [value] : value
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === 'string')) return undefined
  return texts.flatMap((text: string) => text.split(/[\s,]+/)).filter((word) => word !== '')
}

/** A list of addresses to listen on, or one text separated by spaces or commas. */
export const addresses: Reader<readonly BindAddress[], string | readonly string[]> = reader(
  "addresses such as ['127.0.0.1', '::1'], at least one",
  (value) => {
    const names = wordsOf(value)
    if (names === undefined || names.length === 0) return undefined
    const list = names.flatMap(readAddress)
    return list.includes(undefined) ? undefined : (list as BindAddress[])
  },
)

/** The origin of a web page or server, `URL.origin`; `undefined` for any other text, such as a URL with a path. */
export function webOrigin(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const { origin, protocol, href } = new URL(text)
  return /^https?:$/.test(protocol) && href === `${origin}/` ? origin : undefined
}

/** Whether a server that listens on this host can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** A value for a message: short, on one line, and without the user and the password of a URL. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    const bare = value.replace(/:\/\/.*@/s, '://…@')
    const text = bare.length > MAX_SHOWN ? `${bare.slice(0, MAX_SHOWN)}…` : bare
    return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')}'`
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === 'string') ? `[${value.map(show).join(', ')}]` : 'an array'
  }
  return givenKind(value)
}

/** The type of the value given for a field. */
export function givenKind(value: unknown): string {
  return value === undefined ? 'nothing' : kindOf(value)
}

/** The type of a value, for messages that must not repeat the value. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

/** As in Redis, `*` means all addresses of the machine, and `::*` all IPv6 addresses. */
function readAddress(name: string): (BindAddress | undefined)[] {
  const optional = name.startsWith('-')
  const bare = optional ? name.slice(1) : name
  if (bare === '*')
    return [
      { host: '0.0.0.0', optional },
      { host: '::', optional: true },
    ]
  const host = bare === '::*' ? '::' : bare.replace(/^\[(.*)\]$/, '$1')
  return [isIP(host) !== 0 || HOST_NAME.test(host) ? { host, optional } : undefined]
}
