// Watching the configuration file: in place, by a rename, through the symbolic links of a ConfigMap.

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { ConfigWatch, type ConfigWatchOptions } from '../../../src/config/reload/watch.ts'
import { poll } from '../../support/poll.ts'

let folder: string
let clock: ManualClock
let changes: number
let isOn: boolean
/** Reports of a file that cannot be read, or can be read again. */
let reports: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'erinys-watch-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  clock = new ManualClock()
  changes = 0
  isOn = true
  reports = []
})

async function watch(path: string, options: Partial<ConfigWatchOptions> = {}): Promise<ConfigWatch> {
  const started = await ConfigWatch.start({
    path,
    ...options,
    timers: clock,
    isOn: () => isOn,
    changed: async () => {
      changes++
    },
    unreadable: ({ message }) => reports.push(message),
    readable: () => reports.push('readable'),
  })
  onTestFinished(() => started.stop())
  return started
}

/** One look. It is over when the next one is due. */
async function look(): Promise<void> {
  clock.advance(1000)
  await poll(() => clock.pending === 1, 'the look')
}

test('a change counts when the file is at rest, once', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  await watch(path)
  await look()
  expect(changes).toBe(0)
  writeFileSync(path, '22')
  await look()
  expect(changes).toBe(0)
  writeFileSync(path, '333')
  await look()
  expect(changes).toBe(0)
  await look()
  expect(changes).toBe(1)
  await look()
  expect(changes).toBe(1)
})

test('a change between the reading of the file and the beginning of the watch counts', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  const known = await ConfigWatch.digestOf(path)
  const same = join(folder, 'same.json')
  writeFileSync(same, '1')
  writeFileSync(path, '2')
  const first = await watch(path, { known })
  await look()
  await look()
  await look()
  expect(changes).toBe(1)
  first.stop()
  await watch(same, { known })
  await look()
  await look()
  expect(changes).toBe(1)
})

test('a file that cannot be read at first', async () => {
  let digest: string | undefined = 'before'
  let stamp = '1'
  const digestNow = async (): Promise<string> => {
    if (digest === undefined) throw new Error('it cannot be read')
    return digest
  }
  await watch('file', { view: { stamp: async () => stamp, digest: digestNow } })
  stamp = '2'
  digest = undefined
  await look()
  await look()
  expect(changes).toBe(0)
  digest = 'after'
  await look()
  expect(changes).toBe(1)
  await look()
  expect(changes).toBe(1)
})

test('a file that is replaced by a rename, or missing for a while', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  await watch(path)
  writeFileSync(`${path}.new`, '2')
  renameSync(`${path}.new`, path)
  await look()
  await look()
  expect(changes).toBe(1)
  rmSync(path)
  await look()
  await look()
  expect(changes).toBe(1)
  writeFileSync(path, '3')
  await look()
  await look()
  expect(changes).toBe(2)
})

test('a missing file is reported once, and so is its return', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  await watch(path)
  rmSync(path)
  await look()
  expect(reports).toEqual([])
  await look()
  await look()
  expect(reports).toEqual([expect.stringMatching(/^ENOENT/)])
  writeFileSync(path, '1')
  await look()
  await look()
  await look()
  expect(reports.slice(1)).toEqual(['readable'])
  expect(changes).toBe(0)
  rmSync(path)
  await look()
  await look()
  expect(reports).toHaveLength(3)
})

test('a folder in the place of the file is reported, and the file that replaces it is read', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  await watch(path)
  rmSync(path)
  mkdirSync(path)
  for (let i = 0; i < 4; i++) await look()
  expect(reports).toEqual([expect.stringMatching(/^EISDIR/)])
  rmSync(path, { recursive: true })
  writeFileSync(path, '2')
  await look()
  await look()
  expect(reports.slice(1)).toEqual(['readable'])
  expect(changes).toBe(1)
})

test('a file whose permissions change is tried, and reported if it cannot be read', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  // Whoever runs the tests may read everything.
  let isForbidden = false
  const digest = async (): Promise<string> => {
    if (isForbidden) throw new Error('EACCES: permission denied')
    return 'same'
  }
  const stamp = async (): Promise<string> => String(statSync(path, { bigint: true }).ctimeNs)
  await watch(path, { view: { stamp, digest } })
  isForbidden = true
  chmodSync(path, 0)
  for (let i = 0; i < 4; i++) await look()
  isForbidden = false
  chmodSync(path, 0o600)
  for (let i = 0; i < 3; i++) await look()
  expect(reports).toEqual(['EACCES: permission denied', 'readable'])
  expect(changes).toBe(0)
})

test('the symbolic links of a ConfigMap', async () => {
  const path = join(folder, 'file.json')
  for (const version of ['..1', '..2']) {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'file.json'), version)
  }
  symlinkSync('..1', join(folder, '..data'))
  symlinkSync(join('..data', 'file.json'), path)
  await watch(path)
  symlinkSync('..2', join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  await look()
  await look()
  expect(changes).toBe(1)
})

test('the same content again is no change', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  await watch(path)
  utimesSync(path, 1, 1)
  await look()
  await look()
  writeFileSync(`${path}.new`, '1')
  renameSync(`${path}.new`, path)
  await look()
  await look()
  expect(changes).toBe(0)
})

test('while it is off, the file is not checked; a change during that time counts when it is on again', async () => {
  const path = join(folder, 'file.json')
  writeFileSync(path, '1')
  isOn = false
  const started = await watch(path)
  writeFileSync(path, '22')
  await look()
  await look()
  expect(changes).toBe(0)
  isOn = true
  await look()
  await look()
  expect(changes).toBe(1)
  started.stop()
  expect(clock.pending).toBe(0)
})
