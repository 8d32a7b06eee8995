// The value of a key for the dashboard: its entry as EXPLAIN describes it, and the first elements.

import type { Reply } from '../../cluster/links/request.ts'
import { explanationIn } from '../../commands/own/explain.ts'
import type { Explanation } from '../../commands/own/explanation.ts'
import type { Group } from '../../group/group.ts'
import type { Exchange } from '../exchange.ts'
import { shownText } from './names.ts'

/** How many bytes of a string, and how many elements of a collection, are shown. */
const MAX_BYTES = 16 * 1024
const MAX_ELEMENTS = 100
const MAX_ELEMENT_BYTES = 1024

export interface ShownValue {
  readonly explanation: Explanation
  /** `null`: nothing is cached, or the type is not shown. */
  readonly value: ShownString | ShownElements | null
}

interface ShownString {
  readonly kind: 'string'
  readonly text: string
  /** The length of the whole string. */
  readonly bytes: number
}

interface ShownElements {
  readonly kind: 'elements'
  /** One title for each column. */
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/**
 * Reads a value if it is cached: looking at a key must not load it. It counts as one read.
 * @throws RefusedError
 */
export async function readValue(exchange: Exchange, group: Group, key: Buffer): Promise<ShownValue> {
  const explanation = explanationIn(await exchange.ask(group, 'EXPLAIN', key))
  const isCached = explanation.state === 'fresh' || explanation.state === 'stale'
  return { explanation, value: isCached ? await shownValueOf(exchange, group, key, explanation.type) : null }
}

async function shownValueOf(
  exchange: Exchange,
  group: Group,
  key: Buffer,
  type: string | null,
): Promise<ShownValue['value']> {
  const ask = (...args: (string | Buffer)[]): Promise<Reply> => exchange.ask(group, ...args)
  const last = String(MAX_ELEMENTS - 1)
  switch (type) {
    case 'string': {
      const bytes = (await ask('GETRANGE', key, '0', String(MAX_BYTES - 1))) as Buffer
      const length = Number(await ask('STRLEN', key))
      return { kind: 'string', text: shownText(bytes, MAX_BYTES), bytes: length }
    }
    case 'list':
      return numbered(await ask('LRANGE', key, '0', last))
    case 'set':
      return elements(['Member'], scanned(await ask('SSCAN', key, '0', 'COUNT', String(MAX_ELEMENTS))), 1)
    case 'hash':
      return elements(
        ['Field', 'Value'],
        scanned(await ask('HSCAN', key, '0', 'COUNT', String(MAX_ELEMENTS))),
        2,
      )
    case 'zset':
      return elements(['Member', 'Score'], asList(await ask('ZRANGE', key, '0', last, 'WITHSCORES')), 2)
    case 'stream':
      return entries(await ask('XRANGE', key, '-', '+', 'COUNT', String(MAX_ELEMENTS)))
    default:
      return null
  }
}

function asList(reply: Reply): readonly Reply[] {
  return Array.isArray(reply) ? reply : []
}

/** The elements of a reply to a scan. */
function scanned(reply: Reply): readonly Reply[] {
  return asList(asList(reply)[1] ?? [])
}

function elements(columns: readonly string[], list: readonly Reply[], width: number): ShownElements {
  const rows: string[][] = []
  for (let i = 0; i + width <= list.length && rows.length < MAX_ELEMENTS; i += width)
    rows.push(list.slice(i, i + width).map(textOf))
  return { kind: 'elements', columns, rows }
}

function numbered(reply: Reply): ShownElements {
  const rows = asList(reply).map((each, i) => [String(i), textOf(each)])
  return { kind: 'elements', columns: ['Index', 'Element'], rows }
}

function entries(reply: Reply): ShownElements {
  const rows = asList(reply).map((entry) => {
    const [id, fields] = asList(entry)
    return [
      textOf(id),
      asList(fields ?? [])
        .map(textOf)
        .join(' '),
    ]
  })
  return { kind: 'elements', columns: ['Entry', 'Fields'], rows }
}

function textOf(reply: Reply): string {
  return Buffer.isBuffer(reply) ? shownText(reply, MAX_ELEMENT_BYTES) : String(reply ?? '')
}
