import { expect, test } from 'vitest'
import { HeldOutput } from '../../../src/server/output/held-output.ts'
import { seededRandom } from '../../support/random.ts'

test('gives back the bytes in order, however they were appended and taken', () => {
  const draw = seededRandom(7)
  const random = (): number => draw() / 2 ** 32
  for (let round = 0; round < 5; round++) {
    const held = new HeldOutput()
    const put: Buffer[] = []
    const taken: Buffer[] = []
    for (let i = 0; i < 200; i++) {
      const length = Math.floor(random() ** 4 * 200_000)
      const bytes = Buffer.alloc(length, i)
      put.push(Buffer.from(bytes))
      if (held.append(bytes)) bytes.fill(255)
      while (held.size !== 0 && random() < 0.2) taken.push(held.take())
      expect(held.size).toBe(sum(put) - sum(taken))
    }
    while (held.size !== 0) taken.push(held.take())
    expect(Buffer.concat(taken).equals(Buffer.concat(put))).toBe(true)
  }
})

test('keeps a large reply as it is', () => {
  const held = new HeldOutput()
  held.append(Buffer.from('a'))
  const large = Buffer.alloc(100_000)
  expect(held.append(large)).toBe(false)
  held.append(Buffer.from('b'))
  expect(held.take().toString()).toBe('a')
  expect(held.take()).toBe(large)
  expect(held.take().toString()).toBe('b')
  expect(held.size).toBe(0)
})

function sum(buffers: readonly Buffer[]): number {
  return buffers.reduce((bytes, { length }) => bytes + length, 0)
}
