import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import type { OriginValue } from '../../src/group/origin.ts'
import { FileOrigin } from '../../src/origin/file.ts'
import type { Shape } from '../../src/origin/shape.ts'
import { type Contents, originContract } from '../contracts/origin.contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'erinys-file-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
let changes = 0

function write(text: string, path = join(folder, `${++files}.json`)): string {
  writeFileSync(path, text)
  // Two writes may fall into one tick of the file system's clock.
  const time = 1_700_000_000 + ++changes
  utimesSync(path, time, time)
  return path
}

/** JSON with any keys; an object literal would treat `__proto__` specially. */
function json(contents: Contents): string {
  return `{${[...contents].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`
}

originContract('a JSON file', (contents) => ({
  origin: new FileOrigin(write(json(contents)), new ManualClock()),
}))

test('a byte order mark is ignored', () => {
  expect(new FileOrigin(write('\uFEFF{"a": "1"}'), new ManualClock()).load('a')).toBe('1')
})

test.each([
  ['', 'is not JSON: '],
  ['{"a": 1,}', 'is not JSON: '],
  ['[1]', 'wants one JSON object'],
  ['null', 'wants one JSON object'],
  ['"text"', 'wants one JSON object'],
  ['{"a": 01}', 'is not JSON: '],
  ['{"a": 1}}', 'is not JSON: '],
])('%j is rejected at start', (text, reason) => {
  const path = write(text)
  expect(() => new FileOrigin(path, new ManualClock())).toThrow(`${path}: ${reason}`)
})

test('a missing file or a folder is rejected at start', () => {
  const missing = join(folder, 'missing.json')
  expect(() => new FileOrigin(missing, new ManualClock())).toThrow(`${missing}: no such file`)
  expect(() => new FileOrigin(folder, new ManualClock())).toThrow(`${folder}: is a folder, wants a JSON file`)
})

test('the file is checked for changes once a second', async () => {
  const clock = new ManualClock()
  const path = write('{"Tom": "630"}')
  const origin = new FileOrigin(path, clock)
  write('{"Tom": "631"}', path)
  clock.advance(999)
  expect(await origin.load('Tom')).toBe('630')
  clock.advance(1)
  expect(await origin.load('Tom')).toBe('631')
  write('{"Tom": "632"}', path)
  expect(await origin.load('Tom')).toBe('631')
  clock.advance(1000)
  const both = [origin.load('Tom'), origin.load('Jack')]
  expect(await Promise.all(both)).toEqual(['632', undefined])
})

test('changes are noticed after the clock goes back', async () => {
  const clock = new ManualClock()
  const path = write('{"Tom": "630"}')
  const origin = new FileOrigin(path, clock)
  write('{"Tom": "631"}', path)
  clock.set(clock.now() - 3_600_000)
  expect(await origin.load('Tom')).toBe('631')
})

test('loads fail while the file is invalid, and recover', async () => {
  const clock = new ManualClock()
  const path = write('{"Tom": "630"}')
  const origin = new FileOrigin(path, clock)
  const load = async (): Promise<OriginValue> => origin.load('Tom')
  write('{"Tom": ', path)
  clock.advance(1000)
  await expect(load()).rejects.toThrow(`${path}: is not JSON`)
  await expect(load()).rejects.toThrow(`${path}: is not JSON`)
  rmSync(path)
  await expect(load()).rejects.toThrow(`${path}: no such file`)
  write('{"Tom": "631"}', path)
  expect(await load()).toBe('631')
})

test('values are hashes, lists, sets or sorted sets; one of another type is an error of its key', () => {
  const path = write(
    '{"Tom": {"name": "Tom", "points": 630.50, "left": null}, "moves": ["left", 1.50], "none": null}',
  )
  const of = (shape: Shape) => new FileOrigin(path, new ManualClock(), shape)
  expect(of('hash').load('Tom')).toEqual(
    new Map(Object.entries({ name: 'Tom', points: '630.50', left: null })),
  )
  expect(of('list').load('moves')).toEqual(['left', '1.50'])
  expect(of('set').load('moves')).toEqual(new Set(['left', '1.50']))
  expect(of('hash').load('none')).toBe(null)
  expect(of('hash').load('other')).toBe(undefined)
  expect(() => of('hash').load('moves')).toThrow(
    "got a JSON array, as: 'hash' wants an object from fields to values",
  )
  expect(() => of('sortedset').load('Tom')).toThrow(
    'got the score "Tom" for the member "name", wants a number',
  )
})
