// The memory of segments: V8 collects no garbage because a store grows, but does when memory was dropped.

import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Arena, type Ref } from '../../src/store/arena.ts'

interface GcEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number }
}

const SEGMENT = 2 ** 20
const UNITS = 8000
const SEGMENTS = 2000

/** Whether segments are memory that V8 does not count. What it counts it collects when it likes. */
const isUncounted = Number.parseInt(process.versions.node, 10) >= 22

function fill(arena: Arena, segments: number): Ref[] {
  const refs: Ref[] = []
  while (arena.segmentCount < segments) refs.push(arena.alloc(UNITS))
  return refs
}

/** Resolves when V8 has given a third of the memory back; how much garbage it lets be depends on the size of its heap. */
async function givenBack(before: number): Promise<void> {
  while (process.memoryUsage().arrayBuffers > before - (SEGMENTS / 3) * SEGMENT) await nextTurn()
}

test.runIf(isUncounted)('the memory of a cleared arena is given back without being asked for', async () => {
  const arena = new Arena(SEGMENT)
  fill(arena, SEGMENTS)
  const before = process.memoryUsage().arrayBuffers
  arena.clear()
  await givenBack(before)
  expect(arena.segmentCount).toBe(0)
})

test.runIf(isUncounted)('so is that of segments that were freed one by one', async () => {
  const arena = new Arena(SEGMENT)
  const refs = fill(arena, SEGMENTS)
  const before = process.memoryUsage().arrayBuffers
  for (const ref of refs) arena.free(ref)
  await givenBack(before)
  expect(arena.liveUnits).toBe(0)
})

test.runIf(isUncounted)('no garbage is collected because an arena grows', async () => {
  let collections = 0
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as GcEntry[])
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections++
  })
  observer.observe({ entryTypes: ['gc'] })
  const arena = new Arena(SEGMENT)
  for (let segments = 10; segments <= SEGMENTS; segments += 10) {
    fill(arena, segments)
    await nextTurn()
  }
  observer.disconnect()
  // With `ArrayBuffer` it would be about thirty. The tests before may have left some.
  expect(collections).toBeLessThan(5)
})
