// PFDEBUG and PFSELFTEST: for tests of HyperLogLogs.

import { estimate } from '../../bytes/hyperloglog/estimate.ts'
import { hashElement } from '../../bytes/hyperloglog/hash.ts'
import {
  HEADER_BYTES,
  isDense,
  REGISTERS,
  raiseRegister,
  readRegister,
} from '../../bytes/hyperloglog/layout.ts'
import { isLongRun, isValueRun, lengthOfRun, valueOfRun } from '../../bytes/hyperloglog/runs.ts'
import { Sketch } from '../../bytes/hyperloglog/sketch.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { MAX_SHOWN, printable } from '../spec/errors.ts'
import { arg, KEY } from '../spec/shorthand.ts'
import { CORRUPT_SKETCH, copySketch, locateSketch, sketch, storeSketch } from './values.ts'

/** Redis adds 10 million elements, for which its clients wait for seconds. */
const TESTED_ELEMENTS = 100_000
/** The standard error of an estimate; six of it are accepted. */
const STANDARD_ERROR: number = 1.04 / Math.sqrt(REGISTERS)

function debug(c: Context): void {
  const { args, reply } = c
  const ref = c.find(2)
  if (ref === NULL_REF) {
    reply.error('ERR The specified key does not exist')
    return
  }
  if (!locateSketch(c, ref)) return
  const { records } = c.group.store
  records.markRaw(ref)
  const wasDense = isDense(records.bytes, records.valueStart)
  if (args.is(1, 'GETREG')) {
    if (makeDense(c, ref)) replyRegisters(c)
  } else if (args.is(1, 'DECODE')) {
    if (wasDense) reply.error('ERR HLL encoding is not sparse')
    else reply.bulkText(decodeRuns(c))
  } else if (args.is(1, 'ENCODING')) reply.simple(wasDense ? 'dense' : 'sparse')
  else if (args.is(1, 'TODENSE')) {
    if (makeDense(c, ref)) reply.integer(wasDense ? 0 : 1)
  } else reply.error(`ERR Unknown PFDEBUG subcommand '${printable(args, 1, MAX_SHOWN)}'`, 'latin1')
}

/** Makes the value dense, and locates it. False after an error reply. */
function makeDense(c: Context, ref: Ref): boolean {
  const { records } = c.group.store
  if (isDense(records.bytes, records.valueStart)) return true
  copySketch(c)
  if (sketch.makeDense()) return storeSketch(c, 2, ref)
  c.reply.error(CORRUPT_SKETCH)
  return false
}

function replyRegisters({ reply, group }: Context): void {
  const { bytes, valueStart } = group.store.records
  reply.array(REGISTERS)
  for (let i = 0; i < REGISTERS; i++) reply.integer(readRegister(bytes, valueStart, i))
}

/** `Z:1024 v:3,1 z:63`: long runs of zeros, runs of a value, short runs of zeros. */
function decodeRuns({ group }: Context): string {
  const { bytes, valueStart, valueEnd } = group.store.records
  const runs: string[] = []
  for (let at = valueStart + HEADER_BYTES; at < valueEnd; at += isLongRun(bytes[at]) ? 2 : 1) {
    const length = lengthOfRun(bytes, at, valueEnd)
    if (isValueRun(bytes[at])) runs.push(`v:${valueOfRun(bytes[at])},${length}`)
    else runs.push(`${isLongRun(bytes[at]) ? 'Z' : 'z'}:${length}`)
  }
  return runs.join(' ')
}

/** Adds elements to a dense and to a sparse one, and compares their estimates with each other and with the truth. */
function selfTest({ host, reply }: Context): void {
  const sparse = new Sketch()
  sparse.clear()
  const dense = new Sketch()
  dense.clear()
  dense.makeDense()
  const element = Buffer.alloc(8)
  let checkpoint = 1
  for (let n = 1; n <= TESTED_ELEMENTS; n++) {
    element.writeDoubleLE(n)
    const hash = hashElement(element, 0, element.length)
    const value = Math.floor(hash / REGISTERS)
    raiseRegister(dense.bytes, 0, hash % REGISTERS, value)
    sparse.raise(hash % REGISTERS, value, host.hllSparseMaxBytes)
    if (n !== checkpoint) continue
    checkpoint *= 10
    const cardinality = estimate(dense.bytes, 0, dense.length)
    if (n < host.hllSparseMaxBytes / 2 && sparse.isDense)
      reply.error('ERR TESTFAILED sparse encoding not used')
    else if (cardinality !== estimate(sparse.bytes, 0, sparse.length))
      reply.error('ERR TESTFAILED dense/sparse disagree')
    else if (Math.abs(cardinality - n) > Math.ceil(STANDARD_ERROR * 6 * n))
      reply.error(`ERR TESTFAILED Too big error. card:${n} abserr:${Math.abs(cardinality - n)}`)
    else continue
    return
  }
  reply.ok()
}

const SYSTEM = { group: 'hyperloglog', since: '2.8.9', complexity: 'N/A', isSystem: true } as const

export const pfDebugCommands: readonly CommandSpec[] = [
  {
    name: 'pfdebug',
    arity: 3,
    flags: ['write', 'denyoom', 'admin'],
    categories: ['write', 'hyperloglog', 'admin', 'slow', 'dangerous'],
    keys: [{ first: 2, last: 2, step: 1, flags: ['RW', 'access'] }],
    load: 'first',
    ...SYSTEM,
    summary: 'Shows the registers and the encoding of a HyperLogLog.',
    arguments: [arg('subcommand', 'string'), KEY],
    run: debug,
  },
  {
    name: 'pfselftest',
    arity: 1,
    flags: ['admin'],
    categories: ['hyperloglog', 'admin', 'slow', 'dangerous'],
    ...SYSTEM,
    summary: 'Tests the HyperLogLogs of this node.',
    run: selfTest,
  },
]
