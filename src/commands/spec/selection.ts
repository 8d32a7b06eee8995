// Finds the group that an argument names, by its index or by its name.

import { isCanonicalInteger, parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Group } from '../../group/group.ts'
import type { Context } from './context.ts'
import { INDEX_OUT_OF_RANGE, MAX_SHOWN } from './errors.ts'

const MIN_INT = -(2 ** 31)
const MAX_INT = 2 ** 31 - 1
/** Redis: `getIntFromObjectOrReply`. */
const NOT_AN_INT = `ERR value is out of range, value must between ${MIN_INT} and ${MAX_INT}`

/** The most groups that an error names. */
const MAX_NAMED = 20

/** The group that argument `i` names; `undefined`: none. A name of digits is always its group's index. */
export function findGroup(c: Context, i: number): Group | undefined {
  const { args } = c
  const { groups } = c.host
  const index = parseInteger(args.buf, args.start[i], args.end[i])
  if (index >= 0 && index < groups.length) return groups[index]
  const name = args.text(i)
  return groups.find((group) => group.name === name)
}

/** The same, with an error reply if there is none. */
export function findGroupOrReply(c: Context, i: number): Group | undefined {
  const group = findGroup(c, i)
  if (group !== undefined) return group
  const { args } = c
  const isBeyond = isCanonicalInteger(args.buf, args.start[i], args.end[i]) && !isIndex(c, i)
  c.reply.error(isBeyond ? NOT_AN_INT : outOfRange(c, i))
  return undefined
}

/** The reply where argument `i` names no group: Redis's alone for an index, and more for a name, which Redis lacks. */
export function outOfRange(c: Context, i: number): string {
  return isIndex(c, i) ? INDEX_OUT_OF_RANGE : `${INDEX_OUT_OF_RANGE}: ${unknownGroup(c, i)}`
}

/** Says that there is no group as argument `i` names it, and which ones there are. */
export function unknownGroup(c: Context, i: number): string {
  const shown = c.args.text(i).slice(0, MAX_SHOWN)
  return `there is no group ${JSON.stringify(shown)}, ${knownGroups(c.host.groups)}`
}

/** The reply to commands of a client whose selected group a reload has removed. */
export function removedGroup({ name }: Group, groups: readonly Group[]): string {
  return `ERR the selected group ${JSON.stringify(name)} was removed from the configuration: SELECT another one, ${knownGroups(groups)}`
}

/** Names the groups, by which SELECT finds them, with their indexes. */
function knownGroups(groups: readonly Group[]): string {
  const named = groups.slice(0, MAX_NAMED).map(({ name }, index) => `${name} (${index})`)
  const more = groups.length - named.length
  return `known are ${named.join(', ')}${more > 0 ? ` and ${more} more (GROUP LIST)` : ''}`
}

/** Whether argument `i` is an integer that a C `int` holds, as Redis wants of a database's index. */
export function isIndex(c: Context, i: number): boolean {
  const { args } = c
  const index = parseInteger(args.buf, args.start[i], args.end[i])
  return index >= MIN_INT && index <= MAX_INT
}
