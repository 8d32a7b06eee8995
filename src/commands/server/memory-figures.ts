// The memory of a node in Redis's terms: INFO and MEMORY STATS show the same figures.

import { memoryUsage } from 'node:process'
import type { Host } from '../spec/host.ts'

/** In bytes. */
export interface MemoryFigures {
  /** The entries with the index, which the budgets limit. */
  readonly used: number
  readonly peak: number
  /** The part of `used` that is index, and the rest. */
  readonly overhead: number
  readonly dataset: number
  /** The sum of the groups' budgets. */
  readonly budget: number
  /** The process in physical memory. */
  readonly resident: number
  /** Memory of the process in use: the entries, and everything that is not in arenas. */
  readonly allocated: number
  /** As `allocated`, with the free space of arenas. */
  readonly active: number
  readonly heapUsed: number
  readonly heapTotal: number
  readonly external: number
  readonly arrayBuffers: number
}

/**
 * What is not in arenas counts as allocated: only free space in arenas is fragmentation.
 * Otherwise an empty node, whose heap exceeds its entries many times, would look fragmented.
 */
export function memoryFigures({ groups, stats }: Pick<Host, 'groups' | 'stats'>): MemoryFigures {
  let used = 0
  let overhead = 0
  let budget = 0
  let arenas = 0
  for (const { store, maxBytes } of groups) {
    used += store.usedBytes
    overhead += store.indexBytes
    budget += maxBytes
    arenas += store.arenaBytes + store.indexBytes + store.evictionBytes
  }
  const { rss, ...heap } = memoryUsage()
  const others = Math.max(0, rss - arenas)
  return {
    used,
    peak: Math.max(stats.peakBytes, used),
    overhead,
    dataset: used - overhead,
    budget,
    resident: rss,
    allocated: used + others,
    active: arenas + others,
    ...heap,
  }
}

/** `a / b`; 0 of nothing. */
export function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b
}

/** Bytes that clients have sent or have not read yet, those of HTTP included. */
export function clientBytes({ clients, http }: Pick<Host, 'clients' | 'http'>): number {
  let bytes = http.unsentBytes
  for (const client of clients.values()) {
    bytes += client.queryBufferBytes + client.outputBufferBytes + (client.transaction?.bytes ?? 0)
  }
  return bytes
}
