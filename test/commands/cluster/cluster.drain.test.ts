// CLUSTER DRAIN: a node hands over all its slots and keeps running, whichever other nodes join or leave.

import { afterEach, describe, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../../support/cluster.ts'
import { Harness } from '../../support/harness.ts'

const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`)

let cluster: TestCluster
afterEach(() => cluster?.close())

/** Three nodes with all keys. Their shutdown timeout is so long that a test hangs if one of them reaches it. */
async function filled(): Promise<TestCluster> {
  cluster = await startCluster(3, { groups: { cache: { maxBytes: '16mb' } }, shutdownTimeout: '10m' })
  await Promise.all(KEYS.map((key) => cluster.members[0].watcher.set(key, `of ${key}`)))
  return cluster
}

describe('in a cluster', () => {
  test('answers when all entries are handed over, and the node keeps running without slots', async () => {
    const { members } = await filled()
    const [, leaver] = members
    expect(await leaver.watcher.call('CLUSTER', 'DRAIN')).toBe('OK')
    expect(await leaver.watcher.info('keyspace')).not.toContain('keys=')
    for (const { watcher } of members) {
      expect(await watcher.mget(KEYS)).toEqual(KEYS.map((key) => `of ${key}`))
      await watcher.set('written', 'by all')
    }
    expect(await leaver.watcher.call('CLUSTER', 'DRAIN', 'TIMEOUT', '0')).toBe('OK')
    const owners = new Set((await leaver.watcher.cluster('SLOTS')).map(([, , [, port]]) => port))
    expect(owners).toEqual(new Set([cluster.ports[0], cluster.ports[2]]))
    await leaver.node.close()
    expect(await members[0].watcher.mget(KEYS)).toEqual(KEYS.map((key) => `of ${key}`))
  })

  test('is an error at its timeout, and the handover continues', async () => {
    const { members } = await filled()
    const [, { watcher }] = members
    await expect(watcher.call('CLUSTER', 'DRAIN', 'TIMEOUT', '0')).rejects.toThrow(
      'ERR not everything is handed over yet',
    )
    expect(await watcher.call('CLUSTER', 'DRAIN')).toBe('OK')
  })

  test('all nodes drain at once: each gets a reply and stops', async () => {
    const { members } = await filled()
    const drained = await Promise.allSettled(members.map(({ watcher }) => watcher.call('CLUSTER', 'DRAIN')))
    expect(drained.map(({ status }) => status)).toContain('rejected')
    await Promise.all(members.map(({ node }) => node.close()))
  })

  test('the last node that stays says what to do, and serves on', async () => {
    const { members } = await filled()
    const [, , last] = members
    for (const { watcher } of members.slice(0, 2)) expect(await watcher.call('CLUSTER', 'DRAIN')).toBe('OK')
    await expect(last.watcher.call('CLUSTER', 'DRAIN')).rejects.toThrow(
      'ERR no other node remains to take over the keys: start a node, or restart one that was drained, and try again',
    )
    for (const { watcher } of members)
      expect(await watcher.mget(KEYS)).toEqual(KEYS.map((key) => `of ${key}`))
  })

  test('the only node cannot drain', async () => {
    cluster = await startCluster(1)
    await expect(cluster.members[0].watcher.call('CLUSTER', 'DRAIN')).rejects.toThrow(
      'ERR there is no other node to hand anything over to',
    )
  })

  test.each([
    [['TIMEOUT'], 'ERR syntax error'],
    [['SOON', '5'], 'ERR syntax error'],
    [['TIMEOUT', 'x'], 'ERR value is not an integer or out of range'],
    [['TIMEOUT', '-1'], 'ERR timeout is negative'],
  ])('%j: %s', async (args, message) => {
    cluster = await startCluster(1)
    await expect(cluster.members[0].watcher.call('CLUSTER', 'DRAIN', ...args)).rejects.toThrow(message)
  })
})

test('is an error without a cluster', async () => {
  expect(await new Harness().raw('CLUSTER', 'DRAIN')).toBe(
    '-ERR This instance has cluster support disabled\r\n',
  )
})
