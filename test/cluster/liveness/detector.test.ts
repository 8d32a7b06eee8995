// Failure detectors on a simulated network: which members they consider alive, how soon, and who is declared dead.

import { describe, expect, test } from 'vitest'
import { SimCluster } from '../../support/sim-cluster.ts'
import { logsOf, logsSince, type SimNode } from '../../support/sim-node.ts'

describe('the start', () => {
  test('all nodes find each other; none has a view before', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    expect(cluster.views).toEqual(['abcde'])
    for (const log of logsOf(cluster.nodes)) expect(log).toBe('settled abcde')
  })

  test('a single node is settled at once', () => {
    const cluster = new SimCluster({ nodes: 1 })
    cluster.start(cluster.nodes[0])
    expect(cluster.nodes[0].log).toEqual(['settled', 'a'])
  })

  test('a member that does not answer delays the others by the timeout at most', () => {
    const cluster = new SimCluster({ nodes: 4 })
    const [a, b, c, d] = cluster.nodes
    d.isHostUp = false
    for (const node of [a, b, c]) cluster.start(node)
    cluster.run(cluster.timeout - cluster.heartbeatInterval)
    expect(a.log).toEqual([])
    cluster.run(cluster.heartbeatInterval * 2)
    expect(logsOf([a, b, c])).toEqual(Array(3).fill('settled abc'))
    cluster.start(d)
    cluster.run(cluster.timeout * 2)
    expect(cluster.views).toEqual(['abcd'])
  })

  test('a member that refuses connections does not delay the others', () => {
    const cluster = new SimCluster({ nodes: 3 })
    const [a, b] = cluster.nodes
    cluster.start(a)
    cluster.start(b)
    cluster.run(100)
    expect(logsOf([a, b])).toEqual(['settled ab', 'settled ab'])
  })

  test('a member that starts does not keep out those that the others have reached and it has not', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const cluster = new SimCluster({ nodes: 4, seed, delay: [1, 40] })
      const [a, b, c, d] = cluster.nodes
      cluster.start(a)
      cluster.start(b)
      cluster.run(5000)
      cluster.start(c)
      // It finds this one's port closed.
      cluster.run(seed)
      cluster.start(d)
      cluster.run(1500)
      expect(cluster.views).toEqual(['abcd'])
      for (const { log } of [a, b]) {
        const views = log.filter((each) => /^[a-d]+$/.test(each))
        const first = views.findIndex((members) => members.includes('d'))
        expect(views.slice(first), `seed ${seed}: ${views}`).toEqual(
          views.filter((members) => members.includes('d')),
        )
      }
      expect(d.countEvents('declaredDead')).toBe(0)
    }
  })

  test('a member that goes on refusing connections is suspected after the timeout', () => {
    const cluster = new SimCluster({ nodes: 2 })
    const [a] = cluster.nodes
    cluster.start(a)
    cluster.run(cluster.timeout / 2)
    expect(a.detector!.peers()[0]).toMatchObject({ status: 'unknown', suspicion: undefined })
    expect(a.log).toEqual(['settled', 'a'])
    cluster.run(cluster.timeout)
    expect(a.detector!.peers()[0]).toMatchObject({ status: 'down', suspicion: 'refused' })
  })

  test('a member that is started later joins at once, without probation', () => {
    const cluster = new SimCluster({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    cluster.start(a)
    cluster.start(b)
    cluster.run(5000)
    cluster.start(c)
    cluster.run(200)
    expect(cluster.views).toEqual(['abc'])
    // The others have not reached it yet when it has its first view.
    expect(c.log).toEqual(['settled', 'ab', 'abc'])
  })
})

describe('a failure', () => {
  test.each([2, 3, 5, 12])('connections refused: all of %i remove the member after one message', (nodes) => {
    const cluster = SimCluster.started({ nodes })
    const events = logsSince(cluster.nodes.slice(1))
    cluster.kill(cluster.nodes[0])
    cluster.run(30)
    expect(cluster.views).toHaveLength(1)
    expect(events()).toEqual(Array(nodes - 1).fill(cluster.nodes[1].viewNames))
    expect(cluster.views[0]).not.toContain('a')
  })

  test.each([3, 5, 12])(
    'silence: all of %i remove the member within the timeout and two heartbeats',
    (nodes) => {
      const cluster = SimCluster.started({ nodes })
      const events = logsSince(cluster.nodes.slice(1))
      cluster.powerOff(cluster.nodes[0])
      cluster.run(cluster.timeout + 2 * cluster.heartbeatInterval)
      expect(events()).toEqual(Array(nodes - 1).fill(cluster.nodes[1].viewNames))
      expect(cluster.views).toHaveLength(1)
      expect(cluster.views[0]).not.toContain('a')
    },
  )

  test('one of two: on refused connections the other is alone, on silence it is isolated', () => {
    const refused = SimCluster.started({ nodes: 2 })
    refused.kill(refused.nodes[0])
    refused.run(5000)
    expect(refused.nodes[1].log).toEqual(['settled', 'ab', 'b'])
    const silent = SimCluster.started({ nodes: 2 })
    silent.powerOff(silent.nodes[0])
    silent.run(5000)
    expect(silent.nodes[1].log).toEqual(['settled', 'ab', 'isolated:true', 'b'])
  })

  test('most members at once: the survivors have a view of their own', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    for (const node of cluster.nodes.slice(2)) cluster.powerOff(node)
    cluster.run(cluster.timeout + 3 * cluster.heartbeatInterval)
    expect(cluster.views).toEqual(['ab'])
    // Their tombstones are weak, but they do not concern new processes: no node has to drop anything.
    const events = logsSince(cluster.nodes.slice(0, 2))
    for (const node of cluster.nodes.slice(2)) cluster.start(node)
    cluster.run(5000)
    expect(cluster.views).toEqual(['abcde'])
    for (const log of events()) expect(log).not.toContain('declaredDead')
  })

  test('and a restart: a short probation, and the new run is not declared dead', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const events = logsSince(cluster.nodes)
    cluster.kill(a)
    cluster.run(1000)
    cluster.start(a)
    cluster.run(600)
    expect(events()).toEqual(['settled bc abc', 'bc abc', 'bc abc'])
  })

  test('and a restart so quick that no connection was refused is a failure too', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const events = logsSince(cluster.nodes)
    cluster.kill(a)
    cluster.start(a)
    cluster.run(1000)
    expect(events().slice(1)).toEqual(['bc abc', 'bc abc'])
    expect(a.viewNames).toBe('abc')
  })
})

describe('flapping', () => {
  test('a process that restarts every two seconds is soon kept out of the view', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const events = logsSince([b, c])
    for (let i = 0; i < 30; i++) {
      cluster.kill(a)
      cluster.run(1000)
      cluster.start(a)
      cluster.run(1000)
    }
    expect(events()).toEqual(Array(2).fill('bc abc bc abc bc abc bc'))
    cluster.run(35_000)
    expect(cluster.views).toEqual(['abc'])
  })

  test.each([3, 5])('a member of %i that is cut off repeatedly is soon kept out of the view', (nodes) => {
    const cluster = SimCluster.started({ nodes })
    const [a, ...others] = cluster.nodes
    for (const other of others) other.events = []
    for (let i = 0; i < 15; i++) {
      cluster.partition([a], others)
      cluster.run(2000)
      cluster.healAll()
      cluster.run(2000)
    }
    for (const other of others) expect(other.countEvents('view')).toBeLessThanOrEqual(8)
    cluster.run(35_000)
    expect(cluster.views).toHaveLength(1)
    expect(cluster.views[0]).toHaveLength(nodes)
  })

  test('two nodes that are cut off from each other repeatedly: one keeps all slots', () => {
    const cluster = SimCluster.started({ nodes: 2 })
    const [a, b] = cluster.nodes
    for (let i = 0; i < 15; i++) {
      cluster.partition([a], [b])
      cluster.run(2000)
      cluster.healAll()
      cluster.run(2000)
    }
    // The other one takes over while it is alone, and leaves the view as soon as they can communicate.
    expect(a.countEvents('view')).toBeLessThanOrEqual(8)
    cluster.run(35_000)
    expect(cluster.views).toEqual(['ab'])
  })

  test('a link that is closed and reopened at once changes nothing', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b] = cluster.nodes
    const events = logsSince(cluster.nodes)
    for (let i = 0; i < 20; i++) {
      cluster.closeLink(a, b)
      cluster.closeLink(b, a)
      cluster.run(500)
    }
    expect(events()).toEqual(['', '', ''])
  })

  test('the loss of a third of all messages changes little', () => {
    const cluster = SimCluster.started({ nodes: 5, timeout: 2000, seed: 3 })
    cluster.loss = 0.3
    cluster.run(20_000)
    for (const node of cluster.nodes) expect(node.countEvents('view')).toBeLessThanOrEqual(4)
  })
})

describe('a paused process', () => {
  test.each([2, 3, 5])('one of %i learns that it was declared dead before its lease check ends', (nodes) => {
    const cluster = SimCluster.started({ nodes })
    const [a, ...others] = cluster.nodes
    const events = logsSince([a])
    cluster.pause(a)
    cluster.run(3000)
    const without = others[0].viewNames
    expect(without).not.toContain('a')
    cluster.resume(a)
    cluster.run(100)
    expect(events()[0].split(' ').slice(0, 3)).toEqual(['leaseCheck:true', 'declaredDead', without])
    expect(a.detector.isLeaseCheckRunning).toBe(false)
    cluster.run(3000)
    expect(cluster.views).toHaveLength(1)
    expect(cluster.views[0]).toHaveLength(nodes)
    for (const other of others) expect(other.countEvents('declaredDead')).toBe(0)
  })

  test('shorter than the timeout: it checks its lease and continues', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const events = logsSince(cluster.nodes)
    cluster.pause(a)
    cluster.run(700)
    cluster.resume(a)
    cluster.run(1000)
    expect(events()).toEqual(['leaseCheck:true leaseCheck:false', '', ''])
  })

  test('the lease check ends after the timeout if nobody answers', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const events = logsSince([a])
    cluster.pause(a)
    cluster.run(700)
    cluster.partition([a], [b, c])
    cluster.resume(a)
    cluster.run(cluster.timeout + 2 * cluster.heartbeatInterval)
    expect(events()[0].split(' ').slice(0, 2)).toEqual(['leaseCheck:true', 'leaseCheck:false'])
  })

  test('all nodes at once: nobody is declared dead', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const events = logsSince(cluster.nodes)
    for (const node of cluster.nodes) cluster.pause(node)
    cluster.run(10_000)
    for (const node of cluster.nodes) cluster.resume(node)
    cluster.run(2000)
    expect(events()).toEqual(Array(3).fill('leaseCheck:true leaseCheck:false'))
  })

  test('most nodes at once: they were declared dead by the one that went on', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    cluster.pause(b)
    cluster.pause(c)
    cluster.run(3000)
    expect(a.viewNames).toBe('a')
    const events = logsSince([b, c])
    cluster.resume(b)
    cluster.resume(c)
    cluster.run(3000)
    for (const log of events()) expect(log).toMatch(/^leaseCheck:true( declaredDead)+ /)
    expect(cluster.views).toEqual(['abc'])
  })
})

test('a state message survives JSON', () => {
  const cluster = SimCluster.started({ nodes: 5 })
  const [a, b, c] = cluster.nodes
  cluster.partition([a], [b])
  cluster.run(3000)
  const message = c.detector.exchange.message()
  expect(c.detector.exchange.read(c.name, JSON.parse(JSON.stringify(message)))).toEqual(message)
  expect(Object.keys(message.gossip).sort()).toEqual([a.name, b.name])
})

describe('joining and leaving', () => {
  test('a leaving node is out of the view at once, and its end changes nothing', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const events = logsSince(cluster.nodes)
    a.detector.leave()
    cluster.run(20)
    expect(cluster.views).toEqual(['bc'])
    cluster.run(2000)
    cluster.kill(a)
    cluster.run(2000)
    expect(events()).toEqual(['bc', 'bc', 'bc'])
    expect([b, c].map(({ detector }) => detector.isolated)).toEqual([false, false])
  })

  test('a node that loses its registration counts as declared dead, and is back when registered again', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const events = logsSince(cluster.nodes)
    a.detector.setRegistered(false)
    cluster.run(20)
    expect(cluster.views).toEqual(['bc'])
    a.detector.setRegistered(true)
    cluster.run(20)
    expect(events()).toEqual(['declaredDead bc abc', 'bc abc', 'bc abc'])
  })

  test('a node that is no longer listed is told that it was declared dead', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const events = logsSince([a])
    for (const node of [b, c]) node.detector.setMembers([b.member, c.member])
    cluster.run(2 * cluster.heartbeatInterval)
    expect(events()[0]).toContain('declaredDead')
    expect([b.viewNames, c.viewNames]).toEqual(['bc', 'bc'])
  })

  test('the weight that a member reports overrides the listed one', () => {
    const cluster = new SimCluster({ nodes: 2 })
    const [a, b] = cluster.nodes
    cluster.start(a, [a, { ...b, member: { ...b.member, weight: 1 } } as SimNode, b])
    cluster.start(b)
    cluster.run(500)
    expect(a.detector.view.epoch).toBe(b.detector.view.epoch)
  })
})
