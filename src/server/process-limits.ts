// What the limits of a process (`ulimit -v`, `ulimit -d`) leave of its memory, from Linux's files about it.

const PAGE_BYTES = 4096

/** By the limit of /proc/self/limits: the field of /proc/self/statm, in pages, that counts against it. */
const USED = [
  ['Max address space', 0],
  ['Max data size', 5],
] as const

/**
 * Bytes that the process may still take: much of its address space is reserved by V8 before anything is stored.
 * `Infinity`: it has no limits, or the files are empty.
 */
export function freeWithinLimits(limits: string, statm: string): number {
  const pages = statm.split(' ').map(Number)
  const free = USED.map(([name, field]) => {
    const limit = Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(limits)?.[1] ?? Number.NaN)
    return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit - (pages[field] || 0) * PAGE_BYTES
  })
  return Math.max(0, Math.min(...free))
}
