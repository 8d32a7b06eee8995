// Random members of a set: SRANDMEMBER, SPOP.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { findCollection, replySpan } from '../spec/values/collection.ts'
import { replyRandom, type Sampled, sampleRanks } from '../spec/values/sampling.ts'

const RANDOM_MEMBERS: Sampled = {
  type: ValueType.SET,
  size: ({ sets }, ref) => sets.size(ref),
  seek: ({ sets }, ref, rank) => sets.seek(ref, rank),
  first: ({ sets }, ref) => sets.first(ref),
  next: ({ sets }) => sets.next(),
  reply: (c) => replySpan(c),
}

function pop(c: Context): void {
  const ref = findCollection(c, 1, ValueType.SET)
  if (ref === undefined) return
  if (ref === NULL_REF) {
    c.reply.null()
    return
  }
  const { sets, collections } = c.group.store
  const size = sets.size(ref)
  const rank = Math.floor(c.group.environment.random() * size)
  sets.seek(ref, rank)
  replySpan(c)
  if (size === 1) collections.finish(ref, 0)
  else collections.finish(sets.removeRead(ref), size - 1)
}

function popMany(c: Context): void {
  const { reply } = c
  if (c.args.count > 3) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const count = readPositive(c, 2)
  if (Number.isNaN(count)) return
  const found = findCollection(c, 1, ValueType.SET)
  if (found === undefined) return
  const { sets, collections } = c.group.store
  const size = found === NULL_REF ? 0 : sets.size(found)
  const popped = Math.min(count, size)
  reply.set(popped)
  if (popped === 0) return
  if (popped === size) {
    for (let is = sets.first(found); is; is = sets.next()) replySpan(c)
    collections.finish(found, 0)
    return
  }
  let ref = found
  // From the last one on, so that the ranks before it stay.
  for (const rank of sampleRanks(popped, size, c.group.environment.random).reverse()) {
    sets.seek(ref, rank)
    replySpan(c)
    ref = sets.removeRead(ref)
  }
  if (popped >= 5 * (size - popped)) sets.reconsider(ref)
  collections.finish(ref, size - popped)
}

export const setRandomCommands: readonly CommandSpec[] = [
  {
    name: 'srandmember',
    arity: -2,
    flags: ['readonly'],
    categories: ['read', 'set', 'slow'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns one or more random members of a set.',
    since: '1.0.0',
    group: 'set',
    complexity:
      'Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.',
    tips: ['nondeterministic_output'],
    history: [['2.6.0', 'Added the optional `count` argument.']],
    arguments: [KEY, arg('count', 'integer', { optional: true, since: '2.6.0' })],
    run: (c) => replyRandom(c, RANDOM_MEMBERS),
  },
  {
    name: 'spop',
    arity: -2,
    flags: ['write', 'fast'],
    categories: ['write', 'set', 'fast'],
    keys: oneKey('RW', 'access', 'delete'),
    load: 'first',
    summary: 'Removes and returns one or more random members of a set. Removes the key with the last member.',
    since: '1.0.0',
    group: 'set',
    complexity: 'Without the count argument O(1), otherwise O(N) where N is the value of the passed count.',
    tips: ['nondeterministic_output'],
    history: [['3.2.0', 'Added the `count` argument.']],
    arguments: [KEY, arg('count', 'integer', { optional: true, since: '3.2.0' })],
    run: (c) => (c.args.count === 2 ? pop(c) : popMany(c)),
  },
]
