// The limits of this process (`ulimit`), from Linux's files about it.

import { readFileSync } from 'node:fs'

const PAGE_BYTES = 4096

/** By the limit of /proc/self/limits: the field of /proc/self/statm, in pages, that counts against it. */
const USED = [
  ['Max address space', 0],
  ['Max data size', 5],
] as const

/** A file about this process; empty where the operating system has none. */
export function processFile(name: 'limits' | 'statm'): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'latin1')
  } catch {
    return ''
  }
}

/** The soft limit with this name in /proc/self/limits; `Infinity`: there is none, or the text is empty. */
export function limitOf(limits: string, name: string): number {
  const [, soft] = new RegExp(`^${name} +(\\d+)`, 'm').exec(limits) ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}

/**
 * Bytes that the process may still take: much of its address space is reserved by V8 before anything is stored.
 * `Infinity`: it has no limits, or the files are empty.
 */
export function freeWithinLimits(limits: string, statm: string): number {
  const pages = statm.split(' ').map(Number)
  const free = USED.map(([name, field]) => limitOf(limits, name) - (pages[field] || 0) * PAGE_BYTES)
  return Math.max(0, Math.min(...free))
}
