// The slot table for clusters of several sizes: the time to compute it, its balance, the slots that a join moves.

import { SLOT_COUNT } from '../../src/bytes/crc16.ts'
import type { Member } from '../../src/cluster/member.ts'
import { assignSlots } from '../../src/cluster/ring/slots.ts'
import { median, type ScalingRow } from '../figures.ts'
import { cpuMs } from './cpu.ts'

/** Members with addresses of one network. */
export function membersOf(count: number, from = 0): Member[] {
  return Array.from({ length: count }, (_, i) => {
    const host = `10.0.${(from + i) >> 8}.${(from + i) & 255}`
    return { name: `${host}:7000`, host, port: 7000, weight: 1 }
  })
}

/** @param joins the number of different joins to average */
export function tableFigures(
  count: number,
  joins: number,
): Pick<ScalingRow, 'buildMs' | 'worstLoad' | 'moved' | 'movedRatio'> {
  const members = membersOf(count)
  const times: number[] = []
  let table = assignSlots(members)
  for (let i = 0; i < joins; i++) {
    const began = cpuMs()
    table = assignSlots(members)
    times.push(cpuMs() - began)
  }
  const loads = new Uint32Array(count)
  for (const owner of table) loads[owner]++
  let moved = 0
  for (const joiner of membersOf(joins, count)) {
    const after = assignSlots([...members, joiner])
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (after[slot] !== table[slot]) moved++
  }
  moved /= joins
  return {
    buildMs: median(times),
    worstLoad: (Math.max(...loads) * count) / SLOT_COUNT,
    moved,
    movedRatio: (moved * (count + 1)) / SLOT_COUNT,
  }
}
