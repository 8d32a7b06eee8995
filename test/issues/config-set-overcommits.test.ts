// `CONFIG SET maxmemory 100gb` on a machine with less was accepted without a word, which a start refuses.

import { afterEach, expect, test } from 'vitest'
import { formatSize } from '../../src/bytes/units.ts'
import { machineMemory } from '../../src/server/machine-memory.ts'
import { TestServer } from '../support/server.ts'

let running: TestServer
afterEach(() => running?.stop())

const MORE = machineMemory + 1
const refusal = (name: string, total: number): string =>
  `-ERR CONFIG SET failed (possibly related to argument '${name}') - the budgets of the groups would be ` +
  `${formatSize(total)} together, and there are ${formatSize(machineMemory)} of memory here: give less, or start ` +
  'with --overcommit yes\r\n'

async function start(overcommit: boolean): Promise<(...lines: string[]) => Promise<void>> {
  const own = { maxBytes: 1024 }
  const shared = { maxBytes: 2 ** 20 }
  running = await TestServer.start({
    settings: { overcommit, maxmemory: 2 ** 20 },
    groups: { a: shared, own },
  })
  const peer = await running.connect()
  return async (sent, wanted) => void (await peer.exchange(`${sent}\r\n`, wanted))
}

test('budgets beyond the memory of the machine are refused', async () => {
  const exchange = await start(false)
  await exchange(`CONFIG SET maxmemory ${MORE}`, refusal('maxmemory', MORE))
  await exchange(`CONFIG SET maxmemory:a ${MORE}`, refusal('maxmemory:a', MORE + 1024))
  await exchange(`CONFIG SET maxmemory:own ${MORE}`, refusal('maxmemory:own', MORE + 2 ** 20))
  expect(running.groups.map(({ maxBytes }) => maxBytes)).toEqual([2 ** 20, 1024])
  await exchange(`CONFIG SET maxmemory ${machineMemory}`, '+OK\r\n')
  expect(running.groups.map(({ maxBytes }) => maxBytes)).toEqual([machineMemory - 1024, 1024])
  await exchange(`CONFIG SET maxmemory:own 2048`, refusal('maxmemory:own', machineMemory + 1024))
  await exchange(`CONFIG SET maxmemory:a 1mb`, '+OK\r\n')
})

test('they are accepted where that is allowed', async () => {
  const exchange = await start(true)
  await exchange(`CONFIG SET maxmemory ${MORE}`, '+OK\r\n')
  await exchange(`CONFIG SET maxmemory:own ${MORE}`, '+OK\r\n')
})

test('budgets that exceed it already may become smaller', async () => {
  const exchange = await start(true)
  await exchange(`CONFIG SET maxmemory ${4 * MORE}`, '+OK\r\n')
  running.settings.overcommit = false
  await exchange(`CONFIG SET maxmemory ${2 * MORE}`, '+OK\r\n')
  await exchange(`CONFIG SET maxmemory ${3 * MORE}`, refusal('maxmemory', 3 * MORE))
})
