// Planned joins and leaves: no entry is lost, and hardly any is loaded again.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeProcess } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'
import { agree, GROUP, historyOf, PATIENT_ARGS, someKeys, startMembers, work } from './members.ts'

const KEYS = 100_000
const BATCH = 2000

async function talk({ port }: NodeProcess, group: string): Promise<RespClient> {
  const client = await RespClient.connect(port)
  onTestFinished(() => void client.socket.destroy())
  await client.call('SELECT', group)
  return client
}

const resting = Array.from({ length: KEYS }, (_, i) => `resting:${i}`)

async function fill(client: RespClient): Promise<void> {
  for (let i = 0; i < KEYS; i += BATCH) {
    await client.pipeline(...resting.slice(i, i + BATCH).map((key) => ['SET', key, `value of ${key}`]))
  }
}

/** The keys whose value is missing or wrong. */
async function missing(client: RespClient): Promise<string[]> {
  const lost: string[] = []
  for (let i = 0; i < KEYS; i += BATCH) {
    const keys = resting.slice(i, i + BATCH)
    const values = await client.pipeline(...keys.map((key) => ['GET', key]))
    lost.push(...keys.filter((key, j) => values[j] !== `value of ${key}`))
  }
  return lost
}

test('a node joins and another leaves: none of 100,000 keys is lost, nor any that is written meanwhile', async () => {
  const nodes = await startMembers(3, { started: 2, args: PATIENT_ARGS })
  const [first, leaving, joining] = nodes
  const client = await talk(first, GROUP)
  await fill(client)
  const history = historyOf({ keeps: 'always' })
  history.allowLostConnections(leaving.port)
  const workload = work({ history, nodes: [first, leaving], keys: someKeys(500), clients: 2, pause: 10 })
  await workload.progress(500)
  const heal = history.fault()
  await joining.start()
  await agree(nodes)
  expect(await leaving.terminate()).toMatchObject({ code: 0, stderr: '' })
  await agree([first, joining])
  heal()
  await workload.progress(500)
  await workload.stop()
  expect(history.check()).toEqual([])
  expect(await missing(client)).toEqual([])
  expect(await client.call('DBSIZE')).toBeGreaterThanOrEqual(KEYS)
})

test('a group with an origin: at most 1 % of the reads during a join are loads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-moving-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const config = join(folder, 'erinys.config.mjs')
  writeFileSync(
    config,
    "export default { groups: { scores: { maxBytes: '64mb', origin: (key) => 'loaded ' + key } } }",
  )
  const nodes = await startMembers(3, { started: 2, args: [...PATIENT_ARGS, '--config', config] })
  const [first, second, joining] = nodes
  const clients = [await talk(first, 'scores'), await talk(second, 'scores')]
  const keys = someKeys(20_000)
  for (let i = 0; i < keys.length; i += BATCH)
    await clients[0].pipeline(...keys.slice(i, i + BATCH).map((key) => ['GET', key]))
  const before = await loads(nodes)
  expect(before).toBe(keys.length)
  let reads = 0
  let isOver = false
  const wrong: unknown[] = []
  const reading = clients.map(async (client, offset) => {
    for (let i = offset; !isOver; i += 7) {
      const asked = Array.from({ length: 50 }, (_, j) => keys[(i * 50 + j * 13) % keys.length])
      const values = await client.pipeline(...asked.map((key) => ['GET', key]))
      values.forEach((value, j) => {
        if (value !== `loaded ${asked[j]}`) wrong.push([asked[j], value])
      })
      reads += asked.length
    }
  })
  await poll(() => reads > 1000, 'reads before the join')
  await joining.start()
  await agree(nodes)
  const seen = reads
  await poll(() => reads > seen + 1000, 'reads after the join')
  isOver = true
  await Promise.all(reading)
  expect(wrong).toEqual([])
  expect((await loads(nodes)) - before).toBeLessThanOrEqual(reads / 100)
})

/** The number of loads by all nodes. */
async function loads(nodes: readonly NodeProcess[]): Promise<number> {
  let sum = 0
  for (const node of nodes.filter(({ isRunning }) => isRunning)) {
    const fields = (await (await talk(node, 'scores')).call('GROUP', 'INFO', 'scores')) as unknown[]
    sum += Number(fields[fields.indexOf('loads') + 1])
  }
  return sum
}
