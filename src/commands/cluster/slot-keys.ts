// The keys of one slot on this node (CLUSTER COUNTKEYSINSLOT, GETKEYSINSLOT): a walk over all keys.

import { keySlot, SLOT_COUNT } from '../../bytes/crc16.ts'
import { parseInt64 } from '../../bytes/numbers/decimal.ts'
import type { Ref } from '../../store/arena.ts'
import type { Store } from '../../store/store.ts'
import { walkKeys } from '../slices/key-walk.ts'
import type { Context } from '../spec/context.ts'
import { NOT_AN_INTEGER } from '../spec/errors.ts'

export function countKeysInSlot(c: Context): void {
  const slot = integerAt(c, 2)
  if (slot === undefined) return
  if (slot < 0 || slot >= SLOT_COUNT) {
    c.reply.error('ERR Invalid slot')
    return
  }
  let count = 0
  const { store } = c
  walkKeys(c, {
    visit(ref) {
      if (slotOf(store, ref) === slot) count++
      return true
    },
    answer: () => c.reply.integer(count),
  })
}

export function listKeysInSlot(c: Context): void {
  const slot = integerAt(c, 2)
  const limit = slot === undefined ? undefined : integerAt(c, 3)
  if (slot === undefined || limit === undefined) return
  if (slot < 0 || slot >= SLOT_COUNT || limit < 0) {
    c.reply.error('ERR Invalid slot or number of keys')
    return
  }
  const keys: Buffer[] = []
  const { store } = c
  walkKeys(c, {
    visit(ref) {
      if (keys.length < limit && slotOf(store, ref) === slot) keys.push(store.copyKey(ref))
      return keys.length < limit
    },
    answer() {
      c.reply.array(keys.length)
      for (const key of keys) c.reply.bulk(key, 0, key.length)
    },
  })
}

/** An int64 argument; beyond 2^53 the nearest double. `undefined` after an error reply. */
function integerAt({ args, reply }: Context, i: number): number | undefined {
  const value = parseInt64(args.buf, args.start[i], args.end[i])
  if (value !== null) return Number(value)
  reply.error(NOT_AN_INTEGER)
  return undefined
}

function slotOf({ records }: Store, ref: Ref): number {
  records.locateKey(ref)
  return keySlot(records.bytes, records.keyFrom, records.keyTo)
}
