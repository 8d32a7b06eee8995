// HyperLogLogs: PFADD, PFCOUNT, PFMERGE.

import { estimate, estimateRegisters } from '../../bytes/hyperloglog/estimate.ts'
import { hashElement } from '../../bytes/hyperloglog/hash.ts'
import {
  DENSE_BYTES,
  invalidateCardinality,
  isDense,
  REGISTERS,
  raiseRegister,
  readCardinality,
  readExactCardinality,
  writeCardinality,
} from '../../bytes/hyperloglog/layout.ts'
import { CHANGED, CORRUPT, mergeInto } from '../../bytes/hyperloglog/sketch.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, manyKeys, oneKey } from '../spec/shorthand.ts'
import { growString } from '../strings/length.ts'
import { pfDebugCommands } from './debug.ts'
import { CORRUPT_SKETCH, copySketch, locateSketch, sketch, storeSketch } from './values.ts'

/** What Redis's conversion of an infinite estimate to an integer gives, which also says that it is no valid cache. */
const NO_ESTIMATE = -(2n ** 63n)

/** The registers of a union. */
const union = new Uint8Array(REGISTERS)

function add(c: Context): void {
  const { group, reply } = c
  const ref = c.find(1)
  if (ref === NULL_REF) sketch.clear()
  else {
    if (!locateSketch(c, ref)) return
    const { records } = group.store
    if (isDense(records.bytes, records.valueStart)) {
      addToDense(c, ref)
      return
    }
    copySketch(c)
  }
  let isChanged = ref === NULL_REF
  let isCorrupt = false
  for (let i = 2; i < c.args.count && !isCorrupt; i++) {
    const raised = raiseElement(c, i)
    isCorrupt = raised === CORRUPT
    if (raised === CHANGED) isChanged = true
  }
  if (isChanged) invalidateCardinality(sketch.bytes, 0)
  // Elements added before a corrupt place was found stay, as in Redis.
  if (isChanged && !storeSketch(c, 1, ref)) return
  if (!isChanged) group.store.records.markRaw(ref)
  if (isCorrupt) reply.error(CORRUPT_SKETCH)
  else reply.integer(isChanged ? 1 : 0)
}

function raiseElement({ args, host }: Context, i: number): number {
  const hash = hashElement(args.buf, args.start[i], args.end[i])
  return sketch.raise(hash % REGISTERS, Math.floor(hash / REGISTERS), host.hllSparseMaxBytes)
}

/** A dense one is changed in place. */
function addToDense(c: Context, ref: Ref): void {
  const { args } = c
  if (growString(c, ref, DENSE_BYTES) === NULL_REF) return
  const { bytes, valueStart } = c.group.store.records
  let isChanged = false
  for (let i = 2; i < args.count; i++) {
    const hash = hashElement(args.buf, args.start[i], args.end[i])
    const isRaised = raiseRegister(bytes, valueStart, hash % REGISTERS, Math.floor(hash / REGISTERS))
    isChanged = isRaised || isChanged
  }
  if (isChanged) invalidateCardinality(bytes, valueStart)
  c.reply.integer(isChanged ? 1 : 0)
}

function count(c: Context): void {
  if (c.args.count === 2) countOne(c)
  else if (uniteKeys(c, (i) => c.read(i)) && !c.missed) replyEstimate(c, estimateRegisters(union))
}

/** The cardinality of one key is cached in its value. */
function countOne(c: Context): void {
  const { reply } = c
  const { records } = c.store
  const ref = c.read(1)
  if (ref === NULL_REF) {
    reply.integer(0)
    return
  }
  if (!locateSketch(c, ref)) return
  records.markRaw(ref)
  const { bytes, valueStart, valueEnd } = records
  const cached = readCardinality(bytes, valueStart)
  if (cached >= 0) reply.integer(cached)
  else if (cached === -2) reply.bigint(readExactCardinality(bytes, valueStart))
  else {
    const cardinality = estimate(bytes, valueStart, valueEnd)
    if (cardinality < 0) reply.error(CORRUPT_SKETCH)
    else {
      const isHuge = cardinality === Infinity
      writeCardinality(bytes, valueStart, isHuge ? 0 : cardinality)
      if (isHuge) invalidateCardinality(bytes, valueStart)
      replyEstimate(c, cardinality)
    }
  }
}

/** Registers that no additions give may have a huge or an infinite estimate. */
function replyEstimate({ reply }: Context, cardinality: number): void {
  if (cardinality === Infinity) reply.bigint(NO_ESTIMATE)
  else if (Number.isSafeInteger(cardinality)) reply.integer(cardinality)
  else reply.bigint(BigInt(cardinality))
}

/** Makes `union` the union of the keys from argument 1 on. False after an error reply. */
function uniteKeys(c: Context, find: (i: number) => Ref): boolean {
  const { records } = c.store
  union.fill(0)
  for (let i = 1; i < c.args.count; i++) {
    const ref = find(i)
    if (ref === NULL_REF) continue
    if (!locateSketch(c, ref)) return false
    if (mergeInto(union, records.bytes, records.valueStart, records.valueEnd)) continue
    c.reply.error(CORRUPT_SKETCH)
    return false
  }
  return true
}

function merge(c: Context): void {
  const { args, group, host } = c
  if (!uniteKeys(c, (i) => c.find(i))) return
  const { records } = group.store
  let usesDense = false
  for (let i = 1; i < args.count; i++) {
    const ref = c.peek(i)
    if (ref === NULL_REF) continue
    records.locate(ref)
    if (isDense(records.bytes, records.valueStart)) usesDense = true
  }
  const target = c.peek(1)
  if (target === NULL_REF) sketch.clear()
  else {
    records.locate(target)
    copySketch(c)
  }
  if (usesDense) sketch.makeDense()
  for (let i = 0; i < REGISTERS; i++) if (union[i] !== 0) sketch.raise(i, union[i], host.hllSparseMaxBytes)
  invalidateCardinality(sketch.bytes, 0)
  if (storeSketch(c, 1, target)) c.reply.ok()
}

export const hyperLogLogCommands: readonly CommandSpec[] = [
  {
    name: 'pfadd',
    arity: -2,
    flags: ['write', 'denyoom', 'fast'],
    categories: ['write', 'hyperloglog', 'fast'],
    keys: oneKey('RW', 'insert'),
    load: 'first',
    summary: 'Adds elements to a HyperLogLog. Creates the key if it does not exist.',
    since: '2.8.9',
    group: 'hyperloglog',
    complexity: 'O(1) to add every element.',
    arguments: [KEY, arg('element', 'string', { optional: true, multiple: true })],
    run: add,
  },
  {
    name: 'pfcount',
    arity: -2,
    flags: ['readonly'],
    categories: ['read', 'hyperloglog', 'slow'],
    keys: manyKeys(1, 'RW', 'access'),
    load: 'through',
    summary: 'Returns about how many different elements were added to one or more HyperLogLogs.',
    since: '2.8.9',
    group: 'hyperloglog',
    complexity:
      'O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.',
    arguments: [arg('key', 'key', { multiple: true })],
    run: count,
  },
  {
    name: 'pfmerge',
    arity: -2,
    flags: ['write', 'denyoom'],
    categories: ['write', 'hyperloglog', 'slow'],
    keys: [
      { first: 1, last: 1, step: 1, flags: ['RW', 'access', 'insert'] },
      { first: 2, last: -1, step: 1, flags: ['RO', 'access'] },
    ],
    load: 'first',
    repeatable: true,
    summary: 'Merges HyperLogLogs into one.',
    since: '2.8.9',
    group: 'hyperloglog',
    complexity: 'O(N) to merge N HyperLogLogs, but with high constant times.',
    arguments: [arg('destkey', 'key'), arg('sourcekey', 'key', { multiple: true })],
    run: merge,
  },
  ...pfDebugCommands,
]
