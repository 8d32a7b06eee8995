// HyperLogLogs as values of keys.

import { isSketch } from '../../bytes/hyperloglog/layout.ts'
import { Sketch } from '../../bytes/hyperloglog/sketch.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'
import { tooLarge } from '../spec/errors.ts'

const NOT_A_SKETCH = 'WRONGTYPE Key is not a valid HyperLogLog string value.'
export const CORRUPT_SKETCH = 'INVALIDOBJ Corrupted HLL object detected'

/** The HyperLogLog that a command works on; its content is valid during one command only. */
export const sketch = new Sketch()

/** Locates a value that is a HyperLogLog. False after an error reply: it is not one. */
export function locateSketch(c: Context, ref: Ref): boolean {
  if (!c.holds(ref, ValueType.STRING)) return false
  const { records } = c.store
  records.locate(ref)
  if (isSketch(records.bytes, records.valueStart, records.valueEnd)) return true
  c.reply.error(NOT_A_SKETCH)
  return false
}

/** Copies the value that is located into `sketch`. */
export function copySketch({ store }: Context): void {
  const { bytes, valueStart, valueEnd } = store.records
  sketch.copyFrom(bytes, valueStart, valueEnd)
}

/** Stores `sketch` under argument `i`, whose record is `ref`. False after an error reply: it does not fit the budget. */
export function storeSketch(c: Context, i: number, ref: Ref): boolean {
  const { args, group } = c
  const { store } = group
  const { bytes, length } = sketch
  const written =
    ref === NULL_REF
      ? group.set(args.buf, args.start[i], args.end[i], bytes, 0, length, 0)
      : store.resize(ref, length)
  if (written === NULL_REF) {
    c.reply.error(tooLarge(store.maxBytes))
    return false
  }
  const { records } = store
  records.markRaw(written)
  records.locate(written)
  if (ref !== NULL_REF) bytes.copy(records.bytes, records.valueStart, 0, length)
  return true
}
