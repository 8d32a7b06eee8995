// The allocator against a plain list of live intervals.

import { describe, expect, test } from 'vitest'
import { Arena, NULL_REF, OWNER_SHIFT, type Ref, UNIT_BYTES } from '../../src/store/arena.ts'
import { type Random, seededRandom } from '../support/random.ts'

const SEGMENT_BYTES = 64 * 1024
const SEGMENT_UNITS = SEGMENT_BYTES / UNIT_BYTES

/** The words of a block that belong to its owner: the first after the header and the last are stamped. */
function stamp(arena: Arena, ref: Ref, mark: number): void {
  const at = (ref & arena.unitMask) << 1
  const words = arena.words[ref >>> arena.shift]
  words[at] |= mark << OWNER_SHIFT
  words[at + 1] = mark
  words[at + arena.units(ref) * 2 - 1] = mark
}

function isStamped(arena: Arena, ref: Ref, mark: number): boolean {
  const at = (ref & arena.unitMask) << 1
  const words = arena.words[ref >>> arena.shift]
  return (
    words[at] >>> OWNER_SHIFT === (mark << OWNER_SHIFT) >>> OWNER_SHIFT &&
    words[at + 1] === mark &&
    words[at + arena.units(ref) * 2 - 1] === mark
  )
}

/** Blocks that are live according to the test. */
class Live {
  readonly refs: Ref[] = []
  readonly units: number[] = []
  readonly marks: number[] = []
  readonly #places = new Map<Ref, number>()

  get size(): number {
    return this.refs.length
  }

  add(ref: Ref, units: number, mark: number): void {
    if (this.#places.has(ref)) throw new Error('a live block was given out again')
    this.#places.set(ref, this.refs.length)
    this.refs.push(ref)
    this.units.push(units)
    this.marks.push(mark)
  }

  place(ref: Ref): number {
    const place = this.#places.get(ref)
    if (place === undefined) throw new Error('a block that is not live was given')
    return place
  }

  replace(place: number, ref: Ref, units: number): void {
    this.#places.delete(this.refs[place])
    if (this.#places.has(ref)) throw new Error('a live block was given out again')
    this.#places.set(ref, place)
    this.refs[place] = ref
    this.units[place] = units
  }

  removeAt(place: number): void {
    this.#places.delete(this.refs[place])
    const ref = this.refs.pop() as Ref
    const units = this.units.pop() as number
    const mark = this.marks.pop() as number
    if (place === this.refs.length) return
    this.refs[place] = ref
    this.units[place] = units
    this.marks[place] = mark
    this.#places.set(ref, place)
  }
}

/** What a large block has committed; 0 for a block of a shared segment. */
function spanUnits(arena: Arena, ref: Ref): number {
  const words = arena.words[ref >>> arena.shift]
  return words.length / 2 === arena.segmentUnits && arena.units(ref) < arena.segmentUnits
    ? 0
    : words.length / 2
}

/** Every unit is in exactly one block, live blocks are those of the test, holes are merged, tagged and binned. */
function checkArena(arena: Arena, live: Live): void {
  let liveUnits = 0
  let blocks = 0
  let holes = 0
  let covered = 0
  let segment = -1
  let expected = 0
  let wasFree = false
  arena.walk((ref, units, free, previousFree) => {
    if (ref >>> arena.shift !== segment) {
      segment = ref >>> arena.shift
      expected = 0
      wasFree = false
    }
    if ((ref & arena.unitMask) !== expected) throw new Error('blocks do not tile their segment')
    if (units < 1) throw new Error('an empty block')
    expected += units
    // A large block may reuse a larger buffer.
    covered += Math.max(units, expected === units && !free ? spanUnits(arena, ref) : 0)
    if (free) {
      holes += units
      if (wasFree && !arena.evacuating) throw new Error('neighbours that are free were not merged')
    } else {
      const place = live.place(ref)
      if (live.units[place] !== units) throw new Error('a block changed its size')
      if (!isStamped(arena, ref, live.marks[place])) throw new Error('a block was overwritten')
      liveUnits += units
      blocks++
    }
    if (!arena.evacuating && previousFree !== wasFree) throw new Error('PREVIOUS_FREE is wrong')
    wasFree = free
  })
  expect(blocks).toBe(live.size)
  expect(arena.liveUnits).toBe(liveUnits)
  expect(arena.committedUnits).toBe(covered)
  if (!arena.evacuating) expect(arena.binnedUnits()).toBe(holes)
}

/** Mostly small blocks, sometimes larger ones, sometimes ones with a segment of their own. */
function randomUnits(random: Random): number {
  const kind = random() % 100
  if (kind < 70) return 2 + (random() % 30)
  if (kind < 95) return 2 + (random() % 600)
  if (kind < 99) return 2 + (random() % (SEGMENT_UNITS / 2))
  return 2 + (random() % (SEGMENT_UNITS * 3))
}

describe('blocks', () => {
  test('a block has at least the units asked for, and owner bits of zero', () => {
    const arena = new Arena(SEGMENT_BYTES)
    const random = seededRandom(1)
    for (let i = 0; i < 2000; i++) {
      const units = randomUnits(random)
      const ref = arena.alloc(units)
      expect(arena.units(ref) - units).toBeGreaterThanOrEqual(0)
      expect(arena.units(ref) - units).toBeLessThanOrEqual(1)
      expect(arena.words[ref >>> arena.shift][(ref & arena.unitMask) << 1] >>> OWNER_SHIFT).toBe(0)
      if (random() % 2 === 0) arena.free(ref)
    }
  })

  test.each([2, 10, 127, 128, 405, 517, 800])(
    'a hole of %i units is reused exactly, the last freed first',
    (units) => {
      const arena = new Arena(SEGMENT_BYTES)
      const refs = Array.from({ length: 9 }, () => arena.alloc(units))
      arena.free(refs[3])
      arena.free(refs[5])
      expect(arena.alloc(units)).toBe(refs[5])
      expect(arena.alloc(units)).toBe(refs[3])
      expect(arena.committedUnits).toBe(9 * units)
    },
  )

  test.each([
    ['left to right', [1, 2, 3]],
    ['right to left', [3, 2, 1]],
    ['the middle last', [1, 3, 2]],
    ['the middle first', [2, 1, 3]],
  ])('free neighbours become one: %s', (_name, order) => {
    const arena = new Arena(SEGMENT_BYTES)
    const refs = Array.from({ length: 5 }, () => arena.alloc(10))
    for (const i of order) arena.free(refs[i])
    expect(arena.alloc(30)).toBe(refs[1])
    expect(arena.committedUnits).toBe(50)
  })

  test('a remainder of one unit is added to the block', () => {
    const arena = new Arena(SEGMENT_BYTES)
    const [hole] = [arena.alloc(11), arena.alloc(2)]
    arena.free(hole)
    const ref = arena.alloc(10)
    expect(ref).toBe(hole)
    expect(arena.units(ref)).toBe(11)
    expect(arena.liveUnits).toBe(13)
  })

  test('the last block of a segment takes a remainder of one unit', () => {
    const arena = new Arena(SEGMENT_BYTES)
    for (let left = SEGMENT_UNITS; left > 0; left -= 1024) arena.alloc(Math.min(1024, left - 1))
    expect(arena.committedUnits).toBe(SEGMENT_UNITS)
    arena.alloc(100)
    checkTiling(arena)
  })

  test('a segment without live blocks is dropped, and its memory reused', () => {
    const arena = new Arena(SEGMENT_BYTES)
    const first = Array.from({ length: 8 }, () => arena.alloc(SEGMENT_UNITS / 8))
    const bytes = arena.bytes[first[0] >>> arena.shift].buffer
    const other = arena.alloc(100)
    for (const ref of first) arena.free(ref)
    expect(arena.segmentCount).toBe(1)
    expect(arena.committedUnits).toBe(100)
    const rest = Array.from({ length: 8 }, () => arena.alloc(SEGMENT_UNITS / 8))
    expect(arena.segmentCount).toBe(2)
    expect(arena.bytes[rest[7] >>> arena.shift].buffer).toBe(bytes)
    expect(other).not.toBe(NULL_REF)
  })

  test('clear frees everything', () => {
    const arena = new Arena(SEGMENT_BYTES)
    const random = seededRandom(3)
    for (let i = 0; i < 500; i++) {
      const ref = arena.alloc(randomUnits(random))
      if (random() % 3 === 0) arena.free(ref)
    }
    arena.clear()
    expect([arena.liveUnits, arena.committedUnits, arena.segmentCount, arena.binnedUnits()]).toEqual([
      0, 0, 0, 0,
    ])
    arena.alloc(5)
    checkTiling(arena)
  })
})

/** Checks that need no list of live blocks. */
function checkTiling(arena: Arena): void {
  let live = 0
  let free = 0
  arena.walk((_ref, units, isFree) => {
    if (isFree) free += units
    else live += units
  })
  expect(live).toBe(arena.liveUnits)
  expect(free).toBe(arena.binnedUnits())
  expect(live + free).toBe(arena.committedUnits)
}

describe('large blocks', () => {
  test('a block above a quarter of a small segment gets a segment of its own size', () => {
    const arena = new Arena(SEGMENT_BYTES)
    arena.maxCommittedUnits = SEGMENT_UNITS * 100
    const shared = arena.alloc(SEGMENT_UNITS / 4)
    const span = arena.alloc(SEGMENT_UNITS / 4 + 1)
    expect(span >>> arena.shift).not.toBe(shared >>> arena.shift)
    expect(arena.units(span)).toBe(SEGMENT_UNITS / 4 + 1)
    expect(arena.bytes[span >>> arena.shift].length).toBe((SEGMENT_UNITS / 4 + 1) * UNIT_BYTES)
    expect(arena.committedUnits).toBe(SEGMENT_UNITS / 2 + 1)
    arena.free(span)
    expect(arena.committedUnits).toBe(SEGMENT_UNITS / 4)
    expect(arena.bytes[span >>> arena.shift].length).toBe(0)
  })

  test('a large segment is shared by blocks of up to a sixteenth', () => {
    const arena = new Arena(4 * 1024 * 1024)
    arena.maxCommittedUnits = arena.segmentUnits * 100
    const sixteenth = arena.segmentUnits / 16
    for (let i = 0; i < 4; i++) arena.alloc(sixteenth)
    expect(arena.segmentCount).toBe(1)
    arena.alloc(sixteenth + 1)
    expect(arena.segmentCount).toBe(2)
  })

  test('with few segment numbers left, only blocks above half a segment get their own', () => {
    const arena = new Arena(4 * 1024 * 1024)
    const quarter = arena.segmentUnits / 4
    arena.maxCommittedUnits = 2 ** 32 - 3 * arena.segmentUnits
    // Two numbers are left for large blocks: number 0 is never used.
    const segments = Array.from({ length: 6 }, () => arena.alloc(quarter) >>> arena.shift)
    expect(segments).toEqual([1, 2, 3, 3, 3, 3])
    expect(arena.alloc(2 * quarter + 1) >>> arena.shift).toBe(4)
  })

  test('the memory of a freed large block is reused for the next of about its size', () => {
    const arena = new Arena(SEGMENT_BYTES)
    arena.maxCommittedUnits = SEGMENT_UNITS * 100
    const first = arena.alloc(5000)
    const memory = arena.bytes[first >>> arena.shift].buffer
    arena.words[first >>> arena.shift].fill(-1)
    arena.words[first >>> arena.shift][0] = 0
    arena.free(first)
    const second = arena.alloc(4900)
    expect(arena.bytes[second >>> arena.shift].buffer).toBe(memory)
    expect([arena.units(second), arena.liveUnits, arena.committedUnits]).toEqual([4900, 4900, 5000])
    arena.free(second)
    expect([arena.liveUnits, arena.committedUnits]).toEqual([0, 0])
    const third = arena.alloc(4500)
    expect(arena.bytes[third >>> arena.shift].buffer).not.toBe(memory)
    expect(arena.committedUnits).toBe(4500)
  })

  test('a block may be larger than a shared segment, and its segment number is reused', () => {
    const arena = new Arena(SEGMENT_BYTES)
    const first = arena.alloc(SEGMENT_UNITS * 5 + 3)
    expect(arena.units(first)).toBe(SEGMENT_UNITS * 5 + 3)
    arena.free(first)
    const second = arena.alloc(SEGMENT_UNITS * 2)
    expect(second).toBe(first)
    expect(arena.units(second)).toBe(SEGMENT_UNITS * 2)
  })
})

test('a failed allocation of memory changes nothing', () => {
  const arena = new Arena(SEGMENT_BYTES)
  const span = arena.alloc(SEGMENT_UNITS)
  arena.free(span)
  expect(() => arena.alloc(2 ** 45)).toThrow(RangeError)
  expect([arena.liveUnits, arena.committedUnits, arena.segmentCount]).toEqual([0, 0, 0])
  expect(arena.alloc(SEGMENT_UNITS)).toBe(span)
})

describe('limit', () => {
  test('committed units grow to the limit, not beyond, unless forced', () => {
    const arena = new Arena(SEGMENT_BYTES)
    arena.maxCommittedUnits = SEGMENT_UNITS * 3
    let count = 0
    while (arena.alloc(512) !== NULL_REF) count++
    expect(count).toBe((3 * SEGMENT_UNITS) / 512)
    expect(arena.committedUnits).toBe(arena.maxCommittedUnits)
    expect(arena.alloc(SEGMENT_UNITS)).toBe(NULL_REF)
    expect(arena.alloc(512, true)).not.toBe(NULL_REF)
    expect(arena.alloc(SEGMENT_UNITS, true)).not.toBe(NULL_REF)
    expect(arena.committedUnits).toBe(arena.maxCommittedUnits + 512 + SEGMENT_UNITS)
  })

  test('the unused rest of the current segment counts when a block does not fit there', () => {
    const arena = new Arena(SEGMENT_BYTES)
    arena.maxCommittedUnits = SEGMENT_UNITS + 100
    for (let left = SEGMENT_UNITS - 200; left > 0; left -= 1024) arena.alloc(Math.min(1024, left))
    expect(arena.alloc(300)).toBe(NULL_REF)
    expect(arena.committedUnits).toBe(SEGMENT_UNITS - 200)
    expect(arena.alloc(200)).not.toBe(NULL_REF)
    expect(arena.alloc(100)).not.toBe(NULL_REF)
    expect(arena.alloc(2)).toBe(NULL_REF)
  })
})

describe('references', () => {
  test('segment numbers beyond the sign bit: references are negative, blocks are found', () => {
    // 1,024 units to a segment leave 22 bits for its number; large blocks take a number each and little memory.
    const arena = new Arena(8192)
    const refs: Ref[] = []
    arena.alloc(1024)
    // Simulates that many segments in use.
    arena.words.length = 2 ** 31 / 1024
    for (let i = 0; i < 50; i++) refs.push(arena.alloc(200 + i))
    for (let i = 0; i < 50; i++) refs.push(arena.alloc(1024 + i))
    for (const [i, ref] of refs.entries()) {
      expect(ref).toBeLessThan(0)
      expect(arena.units(ref)).toBeGreaterThanOrEqual(i < 50 ? 200 + i : 1024 + i - 50)
      stamp(arena, ref, i)
    }
    for (const [i, ref] of refs.entries()) expect(isStamped(arena, ref, i)).toBe(true)
    arena.free(refs[3])
    arena.free(refs[2])
    const merged = arena.alloc(405)
    expect(merged).toBe(refs[2])
    for (const [i, ref] of refs.entries()) if (i !== 2 && i !== 3) expect(isStamped(arena, ref, i)).toBe(true)
    arena.free(refs[70])
    expect(arena.alloc(1030)).toBe(refs[70])
  })

  test('without free segment numbers, alloc returns NULL_REF', () => {
    const arena = new Arena(8192)
    arena.alloc(1024)
    arena.words.length = 2 ** 22
    expect(arena.alloc(1024)).toBe(NULL_REF)
    expect(arena.alloc(2, true)).toBe(NULL_REF)
  })
})

describe('evacuation', () => {
  /** Evacuates one segment as the store does. Returns the number of moved blocks. */
  function evacuate(arena: Arena, live: Live): number {
    let moved = 0
    for (let from = arena.nextToMove(); from !== NULL_REF; from = arena.nextToMove()) {
      moveOne(arena, live, from)
      moved++
    }
    return moved
  }

  test('the sparsest segment is evacuated: its blocks are copied, its memory is dropped', () => {
    const arena = new Arena(SEGMENT_BYTES)
    const live = new Live()
    for (let i = 0; i < 4 * 512; i++) {
      const ref = arena.alloc(16)
      stamp(arena, ref, i)
      live.add(ref, 16, i)
    }
    // Every second block of all segments is freed, and three of four of the second.
    for (let place = live.size - 1; place >= 0; place--) {
      const ref = live.refs[place]
      const unit = (ref & arena.unitMask) / 16
      if (unit % 2 === 0 && !(ref >>> arena.shift === 2 && unit % 4 === 0)) continue
      arena.free(ref)
      live.removeAt(place)
    }
    const before = arena.segmentCount
    expect(arena.beginEvacuation()).toBe(true)
    expect(arena.evacuating).toBe(true)
    expect(evacuate(arena, live)).toBe(128)
    expect(arena.evacuating).toBe(false)
    expect(arena.segmentCount).toBe(before - 1)
    checkArena(arena, live)
  })

  test('full segments are not evacuated', () => {
    const arena = new Arena(SEGMENT_BYTES)
    for (let i = 0; i < 3 * 512; i++) arena.alloc(16)
    expect(arena.beginEvacuation()).toBe(false)
  })

  test('blocks freed during the evacuation of their segment are neither moved nor reused', () => {
    const arena = new Arena(SEGMENT_BYTES)
    const live = new Live()
    const refs: Ref[] = []
    for (let i = 0; i < 3 * 512; i++) refs.push(arena.alloc(16))
    for (let i = 0; i < 512; i += 2) arena.free(refs[i])
    for (let i = 1; i < refs.length; i += i < 511 ? 2 : 1) {
      stamp(arena, refs[i], i)
      live.add(refs[i], 16, i)
    }
    expect(arena.beginEvacuation()).toBe(true)
    const first = arena.nextToMove()
    expect(first).toBe(refs[1])
    for (const i of [1, 3, 511]) {
      arena.free(refs[i])
      live.removeAt(live.place(refs[i]))
    }
    const given = arena.alloc(16)
    expect(given >>> arena.shift).not.toBe(first >>> arena.shift)
    stamp(arena, given, 7)
    live.add(given, 16, 7)
    expect(evacuate(arena, live)).toBe(256 - 3)
    checkArena(arena, live)
  })
})

function moveOne(arena: Arena, live: Live, from: Ref): void {
  const place = live.place(from)
  const units = live.units[place]
  const mark = live.marks[place]
  if (!isStamped(arena, from, mark)) throw new Error('a block was overwritten before it moved')
  let to = arena.alloc(units)
  if (to === NULL_REF) to = arena.alloc(units, true)
  arena.move(from, to, units)
  // The block may have one unit more, so its last word is elsewhere.
  stamp(arena, to, mark)
  live.replace(place, to, arena.units(to))
}

test('no byte is lost or allocated twice in a million random operations', () => {
  const arena = new Arena(SEGMENT_BYTES)
  const random = seededRandom(20_240_101)
  const live = new Live()
  arena.maxCommittedUnits = 60 * SEGMENT_UNITS
  let mark = 0
  const freeAt = (place: number): void => {
    const ref = live.refs[place]
    if (!isStamped(arena, ref, live.marks[place])) throw new Error('a block was overwritten')
    arena.free(ref)
    live.removeAt(place)
  }
  let moves = 0
  for (let i = 0; i < 1_000_000; i++) {
    // Fills and empties alternately, so that growth, reuse, merging and dropping all happen.
    const growing = (i >>> 16) % 2 === 0
    const choice = random() % 16
    if (choice < (growing ? 9 : 6)) {
      const units = randomUnits(random)
      const ref = arena.alloc(units, random() % 64 === 0)
      if (ref === NULL_REF) {
        if (live.size > 0) freeAt(random() % live.size)
        continue
      }
      mark = (mark + 1) & 0x3ff
      stamp(arena, ref, mark)
      live.add(ref, arena.units(ref), mark)
    } else if (choice < 15) {
      if (live.size > 0) freeAt(random() % live.size)
    } else if (random() % 8 === 0 && (arena.evacuating || arena.beginEvacuation())) {
      for (let quota = 100; quota > 0; quota--) {
        const from = arena.nextToMove()
        if (from === NULL_REF) break
        moveOne(arena, live, from)
        moves++
      }
    }
    if (i % 20_000 === 0) checkArena(arena, live)
  }
  checkArena(arena, live)
  expect(moves).toBeGreaterThan(10_000)
  while (live.size > 0) freeAt(live.size - 1)
  while (arena.evacuating) arena.nextToMove()
  checkArena(arena, live)
  expect(arena.liveUnits).toBe(0)
  expect(arena.committedUnits).toBeLessThanOrEqual(SEGMENT_UNITS)
})

test('a scan finds each block that stays in its place once, whatever else is allocated, freed and moved', () => {
  const arena = new Arena(SEGMENT_BYTES)
  const random = seededRandom(7)
  const live = new Live()
  arena.maxCommittedUnits = 10 * SEGMENT_UNITS
  /** Blocks by reference: whether they were live when the scan began, and whether it has found them. */
  const blocks = new Map<Ref, { wasThere: boolean; isFound: boolean }>()
  const add = (ref: Ref): void => {
    live.add(ref, arena.units(ref), 0)
    blocks.set(ref, { wasThere: false, isFound: false })
    // Its content looks like live blocks.
    const at = (ref & arena.unitMask) << 1
    arena.words[ref >>> arena.shift].fill(2, at + 1, at + 2 * arena.units(ref))
  }
  const freeAt = (place: number): void => {
    const ref = live.refs[place]
    arena.free(ref)
    live.removeAt(place)
    blocks.delete(ref)
  }
  const moveNext = (): boolean => {
    const from = arena.nextToMove()
    if (from === NULL_REF) return false
    const units = arena.units(from)
    const to = arena.alloc(units) || arena.alloc(units, true)
    live.removeAt(live.place(from))
    arena.move(from, to, units)
    blocks.delete(from)
    add(to)
    return true
  }
  const found = new Int32Array(3)
  let scans = 0
  const scan = (): void => {
    const count = arena.scan(found)
    for (let i = 0; i < count; i++) {
      const block = blocks.get(found[i] as Ref)
      if (block === undefined) throw new Error('a scan found a block that is not live')
      if (block.isFound) throw new Error('a scan found a block twice')
      block.isFound = true
    }
    if (count > 0) return
    for (const block of blocks.values()) {
      if (block.wasThere && !block.isFound) throw new Error('a scan missed a block')
      block.wasThere = true
      block.isFound = false
    }
    scans++
    arena.beginScan()
  }
  arena.beginScan()
  for (let i = 0; i < 400_000; i++) {
    const isGrowing = (i >>> 14) % 2 === 0
    const choice = random() % 16
    if (choice < (isGrowing ? 9 : 6)) {
      const ref = arena.alloc(
        random() % 200 === 0 ? randomUnits(random) : 2 + (random() % 20),
        random() % 64 === 0,
      )
      if (ref !== NULL_REF) add(ref)
      else if (live.size > 0) freeAt(random() % live.size)
    } else if (choice < 14) {
      if (live.size > 0) freeAt(random() % live.size)
    } else if (choice === 14) {
      // The blocks before and after the place where the scan goes on.
      const last = found[2] as Ref
      if (!blocks.has(last)) continue
      const next = (last + arena.units(last)) as Ref
      for (const ref of [last, next]) if (blocks.has(ref)) freeAt(live.place(ref))
    } else if (arena.evacuating || arena.beginEvacuation()) {
      for (let quota = 20; quota > 0 && moveNext(); quota--);
    }
    if (random() % 4 === 0) scan()
  }
  expect(scans).toBeGreaterThan(100)
  // A segment is emptied while it is scanned, and its number reused.
  while (live.size > 0) freeAt(live.size - 1)
  while (arena.evacuating) arena.nextToMove()
  for (const units of [5, 7, 3]) {
    arena.beginScan()
    for (let i = 0; i < SEGMENT_UNITS; i++) add(arena.alloc(units))
    for (let i = 0; i < 20; i++) scan()
    while (live.size > 0) freeAt(live.size - 1)
    for (let i = 0; i < SEGMENT_UNITS; i++) add(arena.alloc(units + 1))
    for (const from = scans; scans === from; ) scan()
    while (live.size > 0) freeAt(live.size - 1)
  }
  // A segment is evacuated while it is scanned, and its number reused.
  for (const units of [5, 7, 3]) {
    while (arena.segmentCount < 4) add(arena.alloc(16, true))
    const sparse = live.refs[0] >>> arena.shift
    for (const ref of [...live.refs])
      if (ref >>> arena.shift === sparse && random() % 4 !== 0) freeAt(live.place(ref))
    for (const from = scans; scans === from; ) scan()
    for (let i = 0; i < 20; i++) scan()
    expect(arena.beginEvacuation()).toBe(true)
    while (moveNext());
    for (let i = 0; i < SEGMENT_UNITS; i++) add(arena.alloc(units, true))
    for (const from = scans; scans === from; ) scan()
    while (live.size > 0) freeAt(live.size - 1)
  }
  arena.clear()
  arena.beginScan()
  expect(arena.scan(found)).toBe(0)
})
