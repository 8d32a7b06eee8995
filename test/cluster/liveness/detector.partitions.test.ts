// Failure detectors in network partitions: which members stay in the view, and who is declared dead.

import { describe, expect, test } from 'vitest'
import { SimCluster } from '../../support/sim-cluster.ts'
import { logsSince } from '../../support/sim-node.ts'

describe('a network partition', () => {
  test('one direction between two of five: one of the two stays, all agree; afterwards both are in', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    const [a, b, ...others] = cluster.nodes
    const events = logsSince(cluster.nodes)
    cluster.cut(a, b)
    cluster.run(cluster.timeout + 3 * cluster.heartbeatInterval)
    expect(cluster.views).toEqual(['acde'])
    cluster.run(10_000)
    expect(a.countEvents('isolated') + b.countEvents('isolated')).toBe(0)
    // Each took over slots of the other before it had the reports of the others.
    const dropped = [a.countEvents('declaredDead'), b.countEvents('declaredDead')]
    expect(Math.min(...dropped)).toBe(1)
    cluster.healAll()
    cluster.run(3000)
    expect(cluster.views).toEqual(['abcde'])
    expect([a.countEvents('declaredDead'), b.countEvents('declaredDead')]).toEqual(dropped)
    expect(events().slice(2)).toEqual(Array(others.length).fill('acde abcde'))
  })

  test('around one of three: it is isolated and declared dead, the others continue', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const events = logsSince(cluster.nodes)
    cluster.partition([a], [b, c])
    cluster.run(5000)
    expect(events()).toEqual(['isolated:true a', 'bc', 'bc'])
    cluster.healAll()
    cluster.run(3000)
    expect(events()[0]).toMatch(/^isolated:true a( declaredDead)+ isolated:false bc( declaredDead)* abc$/)
    expect(events().slice(1)).toEqual(['bc abc', 'bc abc'])
  })

  test('between two nodes: each takes over, and each was declared dead', () => {
    const cluster = SimCluster.started({ nodes: 2 })
    const [a, b] = cluster.nodes
    const events = logsSince([a, b])
    cluster.partition([a], [b])
    cluster.run(5000)
    expect(events()).toEqual(['isolated:true a', 'isolated:true b'])
    cluster.healAll()
    cluster.run(3000)
    expect(cluster.views).toEqual(['ab'])
    for (const log of events()) expect(log).toContain('declaredDead isolated:false')
  })

  test('into halves: both sides were declared dead, and merge', () => {
    const cluster = SimCluster.started({ nodes: 4 })
    const [a, b, c, d] = cluster.nodes
    cluster.partition([a, b], [c, d])
    cluster.run(5000)
    expect(cluster.views).toEqual(['ab', 'cd'])
    const events = logsSince(cluster.nodes)
    cluster.healAll()
    cluster.run(5000)
    expect(cluster.views).toEqual(['abcd'])
    for (const log of events()) expect(log).toMatch(/^(isolated:false )?declaredDead/)
  })

  test('between one and two of five: that one is out of every view', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    const [, b, , d, e] = cluster.nodes
    cluster.partition([b], [d, e])
    cluster.run(5000)
    expect(cluster.views).toEqual(['acde'])
  })
})
