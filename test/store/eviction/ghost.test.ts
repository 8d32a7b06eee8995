// The keys evicted lately: as many as asked for, and resized in steps that no operation has to wait for.

import { describe, expect, test } from 'vitest'
import type { Hash } from '../../../src/bytes/hash.ts'
import { GhostKeys } from '../../../src/store/eviction/ghost.ts'
import { EVICTION_POLICIES } from '../../../src/store/eviction/policies.ts'
import { NamedStore } from '../../contracts/eviction.contract.ts'
import { seededRandom } from '../../support/random.ts'

const CHUNK_BYTES = 8 * 1024

function hashes(seed: number, count: number): Hash[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => (random() | 0) as Hash)
}

/** Ends the change of the size: a chunk may come and another one leave, but not ten times. Returns the number of steps. */
function resizeWhole(ghost: GhostKeys, memory: { readonly bytes: number }): number {
  let steps = 0
  for (let same = 0; same < 10; steps++) {
    const before = memory.bytes
    ghost.resize()
    expect(memory.bytes - before).toBeLessThanOrEqual(CHUNK_BYTES)
    same = memory.bytes === before ? same + 1 : 0
  }
  return steps
}

function shareTaken(ghost: GhostKeys, keys: readonly Hash[]): number {
  return keys.filter((hash) => ghost.take(hash)).length / keys.length
}

describe('ghost keys', () => {
  test('remembers about as many as asked for, each until it is taken', () => {
    const ghost = new GhostKeys({ bytes: 0 })
    const [old, recent] = [hashes(1, 10_000), hashes(2, 10_000)]
    for (const hash of [...old, ...recent]) {
      ghost.add(hash, 12_000)
      ghost.resize()
    }
    expect(shareTaken(ghost, recent)).toBeGreaterThan(0.9)
    expect(shareTaken(ghost, recent)).toBeLessThan(0.01)
    expect(shareTaken(ghost, old)).toBeLessThan(0.4)
    expect(shareTaken(ghost, hashes(3, 10_000))).toBeLessThan(0.01)
  })

  test('takes no memory but in a step of its resize', () => {
    const memory = { bytes: 0 }
    const ghost = new GhostKeys(memory)
    for (const hash of hashes(4, 100)) ghost.add(hash, 10_000_000)
    expect(memory.bytes).toBe(0)
    ghost.resize()
    expect(memory.bytes).toBe(CHUNK_BYTES)
    for (const hash of hashes(5, 100)) ghost.add(hash, 10_000_000)
    expect(memory.bytes).toBe(CHUNK_BYTES)
  })

  test('for ten million keys no step takes more than 8 KiB, and what was added is found at every step', () => {
    const memory = { bytes: 0 }
    const ghost = new GhostKeys(memory)
    const keys = hashes(6, 2000)
    ghost.add(keys[0], 9_000_000)
    resizeWhole(ghost, memory)
    expect(memory.bytes).toBe(32 * Math.ceil(9_000_000 / 16))
    // Twice as many: every bucket becomes two, and nothing is lost.
    for (const hash of keys) ghost.add(hash, 18_000_000)
    let most = memory.bytes
    for (const hash of keys) {
      for (let i = 0; i < 3; i++) ghost.resize()
      most = Math.max(most, memory.bytes)
      expect(ghost.take(hash)).toBe(true)
      expect(ghost.take(hash)).toBe(false)
    }
    expect(memory.bytes).toBe(32 * Math.ceil(18_000_000 / 16))
    expect(most).toBeLessThanOrEqual(memory.bytes + 2 * CHUNK_BYTES)
  })

  test('shrinks in steps, and keeps what it has room for', () => {
    const memory = { bytes: 0 }
    const ghost = new GhostKeys(memory)
    const keys = hashes(7, 30_000)
    ghost.add(keys[0], 1_000_000)
    resizeWhole(ghost, memory)
    for (const hash of keys) ghost.add(hash, 500_000)
    const before = memory.bytes
    const steps = resizeWhole(ghost, memory)
    expect(steps).toBeGreaterThan(50)
    expect(memory.bytes).toBeLessThan(0.51 * before)
    // A bucket for two has the keys of one of them.
    expect(shareTaken(ghost, keys)).toBeGreaterThan(0.45)
    for (const hash of keys) ghost.add(hash, 0)
    resizeWhole(ghost, memory)
    expect(memory.bytes).toBe(0)
    expect(ghost.take(keys[0])).toBe(false)
  })

  test('a change that comes while another one is under way: the memory is right, and clear gives up all', () => {
    const memory = { bytes: 0 }
    const ghost = new GhostKeys(memory)
    const random = seededRandom(8)
    const keys = hashes(9, 10_000)
    let [least, most] = [0, 0]
    for (const [i, hash] of keys.entries()) {
      ghost.add(hash, i % 20 === 0 ? random() % 400_000 : 200_000)
      ghost.resize()
      least = Math.min(least, memory.bytes)
      most = Math.max(most, memory.bytes)
    }
    expect(least).toBe(0)
    expect(most).toBeGreaterThan(400_000)
    expect(most).toBeLessThanOrEqual(2 * 400_000 + 2 * CHUNK_BYTES)
    ghost.clear()
    expect(memory.bytes).toBe(0)
    expect(shareTaken(ghost, keys)).toBe(0)
    ghost.resize()
    expect(memory.bytes).toBe(0)
  })
})

test.each(['s3-fifo', 'auto'] as const)(
  '%s: the first eviction of many entries does not make room for the whole table',
  (name) => {
    const at = new NamedStore(EVICTION_POLICIES[name], 4 * 2 ** 20)
    let most = 0
    for (let i = 0; i < 140_000; i++) {
      const before = at.store.evicted
      at.put(`k${i}`)
      most = Math.max(most, at.store.evicted - before)
    }
    // A chunk of 8 KiB, in records of 40 bytes; the whole table has 200 KB.
    expect(most).toBeGreaterThan(100)
    expect(most).toBeLessThan(500)
    expect(at.store.evictionBytes).toBeGreaterThan(180_000)
    at.store.verify()
  },
)
