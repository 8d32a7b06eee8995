// The commands that write a collection to a Redis: what has changed, or the whole of it.

import type { StoreChange, StoredCollection } from '../../group/origin.ts'
import { SortedSet } from '../../group/origin.ts'

export type RedisCommand = readonly [name: string, ...args: (string | Buffer)[]]

/** Elements of one command: a list of arguments must not become too long for the stack. */
const MAX_ELEMENTS = 1000

/**
 * Commands that have the same effect twice, to be run as one piece. What is there of the same type keeps its TTL.
 *
 * @param change undefined: what is there is not known by its parts, or the value is a list
 */
export function commandsFor(
  name: string,
  value: StoredCollection,
  change: StoreChange | undefined,
): RedisCommand[] {
  if (change !== undefined) return changing(name, change)
  if (Array.isArray(value)) return replacingList(name, value)
  return [['DEL', name], ...adding(name, value)]
}

function changing(name: string, change: StoreChange): RedisCommand[] {
  if ('set' in change)
    return [
      ...inParts('HSET', name, [...change.set], 2),
      ...inParts('HDEL', name, change.removed.map(alone), 1),
    ]
  if ('scores' in change)
    return [
      ...inParts('ZADD', name, [...change.scores].map(scored), 2),
      ...inParts('ZREM', name, change.removed.map(alone), 1),
    ]
  return [
    ...inParts('SADD', name, change.added.map(alone), 1),
    ...inParts('SREM', name, change.removed.map(alone), 1),
  ]
}

function adding(name: string, value: StoredCollection): RedisCommand[] {
  if (value instanceof Map) return inParts('HSET', name, [...value], 2)
  if (value instanceof SortedSet)
    return inParts(
      'ZADD',
      name,
      [...value.entries].map(([member, score]) => scored([String(member), score])),
      2,
    )
  return inParts('SADD', name, [...(value as ReadonlySet<string>)].map(alone), 1)
}

/** Elements are added before the old ones go: so the list always exists, and keeps its TTL. */
function replacingList(name: string, elements: readonly Buffer[]): RedisCommand[] {
  return [...inParts('RPUSH', name, elements.map(alone), 1), ['LTRIM', name, String(-elements.length), '-1']]
}

function inParts(
  command: string,
  name: string,
  entries: readonly (readonly (string | Buffer)[])[],
  width: 1 | 2,
): RedisCommand[] {
  const size = MAX_ELEMENTS / width
  const commands: RedisCommand[] = []
  for (let i = 0; i < entries.length; i += size)
    commands.push([command, name, ...entries.slice(i, i + size).flat()])
  return commands
}

function alone<Element>(element: Element): [Element] {
  return [element]
}

function scored([member, score]: readonly [string, number]): [string, string] {
  return [String(score).replace('Infinity', 'inf'), member]
}
