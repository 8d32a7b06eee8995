// The recency list against an array.

import { expect, test } from 'vitest'
import { Arena, NULL_REF, type Ref } from '../../src/store/arena.ts'
import { Recency } from '../../src/store/recency.ts'
import { NEWER, OLDER } from '../../src/store/record.ts'
import { seededRandom } from '../support/random.ts'

function word(arena: Arena, ref: Ref, offset: number): Ref {
  return arena.words[ref >>> arena.shift][((ref & arena.unitMask) << 1) + offset] as Ref
}

/** The list from the newest on, and the same from the other end. */
function walk(arena: Arena, recency: Recency): [Ref[], Ref[]] {
  const down: Ref[] = []
  for (let ref = recency.newest; ref !== NULL_REF; ref = word(arena, ref, OLDER)) down.push(ref)
  const up: Ref[] = []
  for (let ref = recency.oldest; ref !== NULL_REF; ref = word(arena, ref, NEWER)) up.push(ref)
  return [down, up.reverse()]
}

test.each([
  ['positive', 1],
  ['negative', 2 ** 32 / 8192 / 2],
])('random attaching, detaching, touching and moving, references are %s', (sign, first) => {
  const arena = new Arena(64 * 1024)
  // As if so many segments were in use.
  arena.words.length = first
  const recency = new Recency(arena)
  const random = seededRandom(8)
  const model: Ref[] = []
  for (let i = 0; i < 20_000; i++) {
    const choice = random() % 8
    const place = model.length === 0 ? 0 : random() % model.length
    if (choice < (model.length > 50 ? 1 : 4) || model.length === 0) {
      const ref = arena.alloc(8)
      if (ref < 0 !== (sign === 'negative')) throw new Error(`a reference of ${ref}`)
      recency.attach(ref)
      model.unshift(ref)
    } else if (choice === 4) {
      const [ref] = model.splice(place, 1)
      recency.detach(ref)
      arena.free(ref)
    } else if (choice === 5) {
      const to = arena.alloc(8)
      const from = model[place]
      for (let offset = 1; offset < 16; offset++) {
        const words = arena.words[to >>> arena.shift]
        words[((to & arena.unitMask) << 1) + offset] = word(arena, from, offset)
      }
      arena.free(from)
      recency.moved(to)
      model[place] = to
    } else {
      const [ref] = model.splice(place, 1)
      recency.touch(ref)
      model.unshift(ref)
    }
    if (i % 16 === 0) expect(walk(arena, recency)).toEqual([model, model])
  }
  recency.clear()
  expect([recency.newest, recency.oldest]).toEqual([NULL_REF, NULL_REF])
})
