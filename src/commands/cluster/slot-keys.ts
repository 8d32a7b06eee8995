// The keys of one slot on this node (CLUSTER COUNTKEYSINSLOT, GETKEYSINSLOT): a walk over all keys.

import { keySlot, SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Ref } from '../../store/arena.ts'
import type { Store } from '../../store/store.ts'
import { walkKeys } from '../slices/key-walk.ts'
import { readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'

export function countKeysInSlot(c: Context): void {
  const slot = readInteger(c, 2)
  if (Number.isNaN(slot)) return
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
  const slot = readInteger(c, 2)
  if (Number.isNaN(slot)) return
  const limit = readInteger(c, 3)
  if (Number.isNaN(limit)) return
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

function slotOf({ records }: Store, ref: Ref): number {
  records.locateKey(ref)
  return keySlot(records.bytes, records.keyFrom, records.keyTo)
}
