// The type that an origin gives the values of its source: `as` in the configuration.

import { BadRequest, type OriginElement, type OriginValue, sortedSet } from '../group/origin.ts'
import { jsonElements, jsonMembers, valueOfJson } from './json-members.ts'

export const SHAPES = ['string', 'hash', 'list', 'set', 'sortedset'] as const
export type Shape = (typeof SHAPES)[number]

/** The JSON type that a value must have. */
const WANTED: Readonly<Record<Exclude<Shape, 'string'>, string>> = {
  hash: 'an object from fields to values',
  list: 'an array',
  set: 'an array',
  sortedset: 'an object from members to scores, or an array of [member, score]',
}

/**
 * The value of a JSON text. Inside a collection a text is itself, null is left out, and anything else is its JSON as
 * it is written.
 *
 * @throws BadRequest for JSON that is not such a collection, SyntaxError for text that is not JSON
 */
export function shapedJson(json: string, shape: Shape): OriginValue {
  if (shape === 'string') return valueOfJson(json)
  const text = json.trim()
  if (text === 'null') return null
  const elements = jsonElements(text)
  const members = elements === undefined ? jsonMembers(text) : undefined
  if (shape === 'hash' && members !== undefined)
    return new Map([...members].map(([name, each]) => [name, valueOfJson(each)]))
  if (shape === 'sortedset' && members !== undefined)
    return scored([...members].map(([member, score]) => [member, valueOfJson(score)]))
  if (shape === 'sortedset' && elements !== undefined) return scored(elements.map(pairOf))
  const values = elements?.map(valueOfJson).filter((each) => each !== null)
  if (shape === 'list' && values !== undefined) return values
  if (shape === 'set' && values !== undefined) return new Set(values)
  throw new BadRequest(`got ${kindOfJson(text)}, as: '${shape}' wants ${WANTED[shape]}`)
}

/**
 * A sorted set of members and the text of their scores. Members that are null are left out.
 * @throws BadRequest for a score that is not a number
 */
export function scored(
  entries: readonly (readonly [member: string | Uint8Array | null, score: string | null])[],
): OriginValue {
  const members: [OriginElement, number][] = []
  for (const [member, text] of entries) {
    if (member === null) continue
    const score = text === null ? undefined : scoreOf(text)
    if (score === undefined) {
      const what = text === null ? 'no score' : `the score ${JSON.stringify(text)}`
      const name = JSON.stringify(typeof member === 'string' ? member : Buffer.from(member).toString())
      throw new BadRequest(`got ${what} for the member ${name}, wants a number`)
    }
    members.push([member, score])
  }
  return sortedSet(members)
}

const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i
const INFINITE = /^([+-]?)inf(?:inity)?$/i

function scoreOf(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const score = Number(text)
    return Number.isFinite(score) ? score : undefined
  }
  const infinite = INFINITE.exec(text)
  if (infinite === null) return undefined
  return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

function pairOf(json: string): [member: string | null, score: string | null] {
  const pair = jsonElements(json)
  if (pair?.length !== 2) throw new BadRequest(`got ${json}, as: 'sortedset' wants arrays of [member, score]`)
  return [valueOfJson(pair[0]), valueOfJson(pair[1])]
}

function kindOfJson(text: string): string {
  if (text.startsWith('{')) return 'a JSON object'
  if (text.startsWith('[')) return 'a JSON array'
  return text.startsWith('"') ? 'a JSON text' : `the JSON ${text}`
}
