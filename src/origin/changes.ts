// Parses change notifications: which keys or tags have changed, and in which group.

import type { ChangeListener } from '../group/origin.ts'

type Fields = Readonly<Record<string, unknown>>

/** Strings, so that nothing inside them is mistaken for one of the others; numbers; booleans. */
const SCALAR = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false/g

/**
 * Parses a payload: `{"key": …}`, `{"tag": …}` or `{"all": true}`, with `"group"` for one group only, or a list of
 * such objects. A key, tag or group is a string, a number or a boolean, which are their text, or a list of these.
 * Any other payload is a key.
 * @returns false if a part of it names nothing, which should be logged
 */
export function readChange(payload: string, listener: ChangeListener): boolean {
  const written = parse(payload)
  const changes = (Array.isArray(written) ? written : [written]).filter(isChange)
  if (changes.length === 0) {
    if (payload === '') return false
    listener.key(Buffer.from(payload, 'utf8'))
    // `{user}:7` is an ordinary key, `{"id": 7}` is not.
    return written === undefined && !payload.startsWith('{"')
  }
  const isWhole = !Array.isArray(written) || written.length === changes.length
  return changes.map((change) => notify(change, listener)).every(Boolean) && isWhole
}

function notify({ key, tag, all, group }: Fields, listener: ChangeListener): boolean {
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

/** An object or a list whose scalars but null are strings, so that numbers keep all digits; undefined for other text. */
function parse(payload: string): unknown {
  try {
    const value: unknown = JSON.parse(payload)
    if (typeof value !== 'object' || value === null) return undefined
    return JSON.parse(payload.replace(SCALAR, (scalar) => (scalar.startsWith('"') ? scalar : `"${scalar}"`)))
  } catch {
    return undefined
  }
}
