// The slot table: building it for clusters of several sizes, and looking up the owner of a key.

import { keySlot, SLOT_COUNT } from '../../src/bytes/crc16.ts'
import { assignSlots } from '../../src/cluster/ring/slots.ts'
import { randomFrom } from '../load.ts'
import { type Case, type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'slots'

const tableOf = (members: number) => `table of ${members} members, per slot`

/** Maximum ns per operation: 50 ms for the table of 200 members. */
export const LIMITS: Readonly<Record<string, number>> = { [tableOf(200)]: 50e6 / SLOT_COUNT }

export const WITHOUT_GARBAGE = ['owner of a key of 16 bytes'] as const

const KEYS = 4096
const KEY_BYTES = 16

function membersOf(count: number) {
  return Array.from({ length: count }, (_, i) => ({ name: `10.0.${i >> 8}.${i & 255}:7000`, weight: 1 }))
}

function tableCase(count: number): Case {
  const members = membersOf(count)
  return { name: tableOf(count), operations: SLOT_COUNT, run: () => assignSlots(members) }
}

function lookupCase(): Case {
  const owners = assignSlots(membersOf(20))
  const random = randomFrom(1)
  const keys = Buffer.alloc(KEYS * KEY_BYTES)
  for (let i = 0; i < KEYS; i++) {
    keys.write(`key:${String(Math.floor(random() * 1e6)).padStart(12, '0')}`, i * KEY_BYTES, 'latin1')
  }
  const run = () => {
    let sum = 0
    for (let at = 0; at < keys.length; at += KEY_BYTES) sum += owners[keySlot(keys, at, at + KEY_BYTES)]
    if (sum === 0) throw new Error('every key belongs to the first member')
  }
  return { name: WITHOUT_GARBAGE[0], operations: KEYS, run }
}

export function run(options: MeasureOptions): Promise<Row[]> {
  return measure([...[3, 20, 200, 1000].map(tableCase), lookupCase()], options)
}
