// The young generation of V8, in processes of their own.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const TSX = import.meta.resolve('tsx')
const MODULE = new URL('../../src/cli/young-generation.ts', import.meta.url).href

/** Prints the MiB of a half: after a start, after many checks of a program whose objects survive, and once it is bounded. */
const PROGRAM = `
import { getHeapSpaceStatistics } from 'node:v8'
import { boundYoungGeneration, keepYoungGenerationSmall } from '${MODULE}'
const half = () => {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  return (space.space_used_size + space.space_available_size) / 2 ** 20
}
/** Allocates as many MiB, of which all survive a collection or two. */
const survive = (mib) => {
  const kept = []
  for (let i = 0; i < mib * 1024; i++) kept.push(new Array(128).fill(i))
  return kept.length
}
keepYoungGenerationSmall()
survive(64)
const atStart = half()
let check = () => undefined
boundYoungGeneration({ after: (ms, run) => { check = run; return () => undefined } })
for (let i = 0; i < 1000 && half() < 8; i++) { survive(1); check() }
const grown = half()
check()
survive(64)
console.log(JSON.stringify([atStart, grown, half()]))
`

async function halves(...options: string[]): Promise<number[]> {
  const args = [...options, '--import', TSX, '--input-type=module', '--eval', PROGRAM]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout)
}

test('stays as it is while the program is loaded, and then grows to 8 MiB', async () => {
  const [atStart, grown, later] = await halves()
  // Loading this program has made it larger than it begins with.
  expect(atStart).toBeLessThan(8)
  expect(grown).toBeGreaterThanOrEqual(8)
  expect(grown).toBeLessThanOrEqual(16)
  expect(later).toBe(grown)
})

test('a size that the options of Node.js set is left alone', async () => {
  const [, , later] = await halves('--max-semi-space-size=32')
  expect(later).toBeGreaterThan(16)
})
