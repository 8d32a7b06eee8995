// Parses change notifications: which keys or tags have changed, and in which group.

import type { ChangeListener } from '../group/origin.ts'

/** What hears of the changes. */
type Listener = Pick<ChangeListener, 'group' | 'key' | 'tag' | 'all'>

type Fields = Readonly<Record<string, unknown>>

/** Strings, so that nothing inside them is mistaken for one of the others; numbers; booleans. */
const SCALAR = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false/g

/** What begins like this is meant to be JSON, and is not: cut off, or with the quotes of Python or JavaScript. `{user}:7` is a key. */
const NEARLY_JSON = /^[\s[]*\{\s*(?:["']|(?:key|tag|all|group)\s*:.*\}\s*$)|^\s*\[\s*["']/is

/**
 * Parses a payload: `{"key": …}`, `{"tag": …}` or `{"all": true}`, with `"group"` for one group only, or a list of
 * such objects. A key, tag or group is a string, a number or a boolean, which are their text, or a list of these.
 * Any other payload is a key, and a JSON string is the one in its quotes as well.
 * @returns false if a part of it names nothing, which should be logged
 */
export function readChange(payload: string, listener: Listener): boolean {
  const written = parse(payload)
  const changes = (Array.isArray(written) ? written : [written]).filter(isChange)
  if (changes.length === 0) {
    if (payload === '') return false
    listener.key(Buffer.from(payload, 'utf8'))
    if (typeof written === 'string') listener.key(Buffer.from(written, 'utf8'))
    return typeof written !== 'object' && !NEARLY_JSON.test(payload)
  }
  const isWhole = !Array.isArray(written) || written.length === changes.length
  return changes.map((change) => notify(change, listener)).every(Boolean) && isWhole
}

function notify({ key, tag, all, group }: Fields, listener: Listener): boolean {
  const [groups, keys, tags] = [textsOf(group), textsOf(key), textsOf(tag)]
  if (groups.texts.length > 0 && !groups.texts.includes(listener.group)) return groups.isWhole
  if (all === 'true') listener.all()
  for (const text of keys.texts) listener.key(Buffer.from(text, 'utf8'))
  for (const text of tags.texts) listener.tag(Buffer.from(text, 'utf8'))
  const isNamed = all === 'true' || keys.texts.length + tags.texts.length > 0
  return isNamed && [groups, keys, tags].every(({ isWhole }) => isWhole)
}

/** The texts of a member, none if it is missing or null; `isWhole`: there is nothing else in it. */
function textsOf(member: unknown): { readonly texts: readonly string[]; readonly isWhole: boolean } {
  if (member === undefined || member === null) return { texts: [], isWhole: true }
  const list = Array.isArray(member) ? member : [member]
  const texts = list.filter((item) => typeof item === 'string')
  return { texts, isWhole: texts.length === list.length }
}

function isChange(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && ('key' in value || 'tag' in value || 'all' in value)
}

/** A string, or an object or a list whose scalars but null are strings, so that numbers keep all digits; undefined for other text. */
function parse(payload: string): unknown {
  try {
    const value: unknown = JSON.parse(payload)
    if (typeof value === 'string') return value
    if (typeof value !== 'object' || value === null) return undefined
    return JSON.parse(payload.replace(SCALAR, (scalar) => (scalar.startsWith('"') ? scalar : `"${scalar}"`)))
  } catch {
    return undefined
  }
}
