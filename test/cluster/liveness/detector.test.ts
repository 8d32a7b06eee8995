// Detectors among each other on a simulated network: whom they take for alive, how soon, and what they must forget.

import { describe, expect, test } from 'vitest'
import { SimCluster, type SimNode } from '../../support/sim-cluster.ts'

const stories = (nodes: readonly SimNode[]) => nodes.map(({ story }) => story.join(' '))

/** Forgets what was told so far, and gives what is told from now on. */
function since(nodes: readonly SimNode[]): () => string[] {
  for (const node of nodes) node.events = []
  return () => stories(nodes)
}

describe('starting', () => {
  test('all find each other, and none has a view before', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    expect(cluster.views).toEqual(['abcde'])
    for (const story of stories(cluster.nodes)) expect(story).toBe('settled abcde')
  })

  test('a node alone is settled at once', () => {
    const cluster = new SimCluster({ nodes: 1 })
    cluster.start(cluster.nodes[0])
    expect(cluster.nodes[0].story).toEqual(['settled', 'a'])
  })

  test('a member that was never there holds up nobody for longer than the timeout', () => {
    const cluster = new SimCluster({ nodes: 4 })
    const [a, b, c, d] = cluster.nodes
    d.host = false
    for (const node of [a, b, c]) cluster.start(node)
    cluster.run(cluster.timeout - cluster.ping)
    expect(a.story).toEqual([])
    cluster.run(cluster.ping * 2)
    expect(stories([a, b, c])).toEqual(Array(3).fill('settled abc'))
    cluster.start(d)
    cluster.run(cluster.timeout * 2)
    expect(cluster.views).toEqual(['abcd'])
  })

  test('one that is refused holds up nobody', () => {
    const cluster = new SimCluster({ nodes: 3 })
    const [a, b] = cluster.nodes
    cluster.start(a)
    cluster.start(b)
    cluster.run(100)
    expect(stories([a, b])).toEqual(['settled ab', 'settled ab'])
  })

  test('one that is started later is in at once, as it never fell', () => {
    const cluster = new SimCluster({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    cluster.start(a)
    cluster.start(b)
    cluster.run(5000)
    cluster.start(c)
    cluster.run(200)
    expect(cluster.views).toEqual(['abc'])
    // It is told first that the others have not reached it yet.
    expect(c.story).toEqual(['settled', 'ab', 'abc'])
  })
})

describe('a death', () => {
  test.each([2, 3, 5, 12])('refused: all of %i know after a message', (nodes) => {
    const cluster = SimCluster.started({ nodes })
    const told = since(cluster.nodes.slice(1))
    cluster.kill(cluster.nodes[0])
    cluster.run(30)
    expect(cluster.views).toHaveLength(1)
    expect(told()).toEqual(Array(nodes - 1).fill(cluster.nodes[1].sees))
    expect(cluster.views[0]).not.toContain('a')
  })

  test.each([3, 5, 12])('silent: all of %i know within the timeout and two pings', (nodes) => {
    const cluster = SimCluster.started({ nodes })
    const told = since(cluster.nodes.slice(1))
    cluster.vanish(cluster.nodes[0])
    cluster.run(cluster.timeout + 2 * cluster.ping)
    expect(told()).toEqual(Array(nodes - 1).fill(cluster.nodes[1].sees))
    expect(cluster.views).toHaveLength(1)
    expect(cluster.views[0]).not.toContain('a')
  })

  test('of one of two: refused, the other is alone; silent, it cannot know', () => {
    const refused = SimCluster.started({ nodes: 2 })
    refused.kill(refused.nodes[0])
    refused.run(5000)
    expect(refused.nodes[1].story).toEqual(['settled', 'ab', 'b'])
    const silent = SimCluster.started({ nodes: 2 })
    silent.vanish(silent.nodes[0])
    silent.run(5000)
    expect(silent.nodes[1].story).toEqual(['settled', 'ab', 'isolated:true', 'b'])
  })

  test('of most members at once leaves the survivors a view of their own', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    for (const node of cluster.nodes.slice(2)) cluster.vanish(node)
    cluster.run(cluster.timeout + 3 * cluster.ping)
    expect(cluster.views).toEqual(['ab'])
    // What they declared is doubtful, but processes that are new cannot be wronged: nothing need be forgotten.
    const told = since(cluster.nodes.slice(0, 2))
    for (const node of cluster.nodes.slice(2)) cluster.start(node)
    cluster.run(5000)
    expect(cluster.views).toEqual(['abcde'])
    for (const story of told()) expect(story).not.toContain('deposed')
  })

  test('and a restart: back after a short probation, not declared dead in its new run', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const told = since(cluster.nodes)
    cluster.kill(a)
    cluster.run(1000)
    cluster.start(a)
    cluster.run(600)
    expect(told()).toEqual(['settled bc abc', 'bc abc', 'bc abc'])
  })

  test('and a restart so quick that nobody was refused is a death too', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const told = since(cluster.nodes)
    cluster.kill(a)
    cluster.start(a)
    cluster.run(1000)
    expect(told().slice(1)).toEqual(['bc abc', 'bc abc'])
    expect(a.sees).toBe('abc')
  })
})

describe('flapping', () => {
  test('a process that restarts every two seconds soon stays out', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const told = since([b, c])
    for (let i = 0; i < 30; i++) {
      cluster.kill(a)
      cluster.run(1000)
      cluster.start(a)
      cluster.run(1000)
    }
    expect(told()).toEqual(Array(2).fill('bc abc bc abc bc abc bc'))
    cluster.run(35_000)
    expect(cluster.views).toEqual(['abc'])
  })

  test.each([3, 5])('a member of %i that is cut off again and again soon stays out', (nodes) => {
    const cluster = SimCluster.started({ nodes })
    const [a, ...others] = cluster.nodes
    for (const other of others) other.events = []
    for (let i = 0; i < 15; i++) {
      cluster.part([a], others)
      cluster.run(2000)
      cluster.healAll()
      cluster.run(2000)
    }
    for (const other of others) expect(other.count('view')).toBeLessThanOrEqual(8)
    cluster.run(35_000)
    expect(cluster.views).toHaveLength(1)
    expect(cluster.views[0]).toHaveLength(nodes)
  })

  test('of two that are cut off from each other again and again, one keeps all', () => {
    const cluster = SimCluster.started({ nodes: 2 })
    const [a, b] = cluster.nodes
    for (let i = 0; i < 15; i++) {
      cluster.part([a], [b])
      cluster.run(2000)
      cluster.healAll()
      cluster.run(2000)
    }
    // The other one has no choice: alone it takes over, and gives way as soon as they talk.
    expect(a.count('view')).toBeLessThanOrEqual(8)
    cluster.run(35_000)
    expect(cluster.views).toEqual(['ab'])
  })

  test('a link that ends and is opened again at once changes nothing', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b] = cluster.nodes
    const told = since(cluster.nodes)
    for (let i = 0; i < 20; i++) {
      cluster.drop(a, b)
      cluster.drop(b, a)
      cluster.run(500)
    }
    expect(told()).toEqual(['', '', ''])
  })

  test('a third of all messages lost changes little', () => {
    const cluster = SimCluster.started({ nodes: 5, timeout: 2000, seed: 3 })
    cluster.loss = 0.3
    cluster.run(20_000)
    for (const node of cluster.nodes) expect(node.count('view')).toBeLessThanOrEqual(4)
  })
})

describe('standing still', () => {
  test.each([2, 3, 5])(
    'one of %i learns that it was declared dead before it trusts itself again',
    (nodes) => {
      const cluster = SimCluster.started({ nodes })
      const [a, ...others] = cluster.nodes
      const told = since([a])
      cluster.pause(a)
      cluster.run(3000)
      const without = others[0].sees
      expect(without).not.toContain('a')
      cluster.resume(a)
      cluster.run(100)
      expect(told()[0].split(' ').slice(0, 3)).toEqual(['doubt:true', 'deposed', without])
      expect(a.detector.isLeaseCheckRunning).toBe(false)
      cluster.run(3000)
      expect(cluster.views).toHaveLength(1)
      expect(cluster.views[0]).toHaveLength(nodes)
      for (const other of others) expect(other.count('deposed')).toBe(0)
    },
  )

  test('too shortly to be missed: it asks, and goes on', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const told = since(cluster.nodes)
    cluster.pause(a)
    cluster.run(700)
    cluster.resume(a)
    cluster.run(1000)
    expect(told()).toEqual(['doubt:true doubt:false', '', ''])
  })

  test('the doubt ends by the timeout when nobody answers', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const told = since([a])
    cluster.pause(a)
    cluster.run(700)
    cluster.part([a], [b, c])
    cluster.resume(a)
    cluster.run(cluster.timeout + 2 * cluster.ping)
    expect(told()[0].split(' ').slice(0, 2)).toEqual(['doubt:true', 'doubt:false'])
  })

  test('all at once: nobody is dead', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const told = since(cluster.nodes)
    for (const node of cluster.nodes) cluster.pause(node)
    cluster.run(10_000)
    for (const node of cluster.nodes) cluster.resume(node)
    cluster.run(2000)
    expect(told()).toEqual(Array(3).fill('doubt:true doubt:false'))
  })

  test('most at once: those who stood still forget what the one that went on took over', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    cluster.pause(b)
    cluster.pause(c)
    cluster.run(3000)
    expect(a.sees).toBe('a')
    const told = since([b, c])
    cluster.resume(b)
    cluster.resume(c)
    cluster.run(3000)
    for (const story of told()) expect(story).toMatch(/^doubt:true( deposed)+ /)
    expect(cluster.views).toEqual(['abc'])
  })
})

describe('a cut', () => {
  test('of one way between two of five: one of the two stays, all agree; healed, both are in', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    const [a, b, ...others] = cluster.nodes
    const told = since(cluster.nodes)
    cluster.cut(a, b)
    cluster.run(cluster.timeout + 3 * cluster.ping)
    expect(cluster.views).toEqual(['acde'])
    cluster.run(10_000)
    expect(a.count('isolated') + b.count('isolated')).toBe(0)
    // Each took over the other's slots before it knew more.
    const forgot = [a.count('deposed'), b.count('deposed')]
    expect(Math.min(...forgot)).toBe(1)
    cluster.healAll()
    cluster.run(3000)
    expect(cluster.views).toEqual(['abcde'])
    expect([a.count('deposed'), b.count('deposed')]).toEqual(forgot)
    expect(told().slice(2)).toEqual(Array(others.length).fill('acde abcde'))
  })

  test('around one of three: it is isolated and forgets, the others go on', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const told = since(cluster.nodes)
    cluster.part([a], [b, c])
    cluster.run(5000)
    expect(told()).toEqual(['isolated:true a', 'bc', 'bc'])
    cluster.healAll()
    cluster.run(3000)
    expect(told()[0]).toMatch(/^isolated:true a( deposed)+ isolated:false bc( deposed)* abc$/)
    expect(told().slice(1)).toEqual(['bc abc', 'bc abc'])
  })

  test('between two: each takes over, and each forgets', () => {
    const cluster = SimCluster.started({ nodes: 2 })
    const [a, b] = cluster.nodes
    const told = since([a, b])
    cluster.part([a], [b])
    cluster.run(5000)
    expect(told()).toEqual(['isolated:true a', 'isolated:true b'])
    cluster.healAll()
    cluster.run(3000)
    expect(cluster.views).toEqual(['ab'])
    for (const story of told()) expect(story).toContain('deposed isolated:false')
  })

  test('into halves: both sides forget, and find together', () => {
    const cluster = SimCluster.started({ nodes: 4 })
    const [a, b, c, d] = cluster.nodes
    cluster.part([a, b], [c, d])
    cluster.run(5000)
    expect(cluster.views).toEqual(['ab', 'cd'])
    const told = since(cluster.nodes)
    cluster.healAll()
    cluster.run(5000)
    expect(cluster.views).toEqual(['abcd'])
    for (const story of told()) expect(story).toMatch(/^(isolated:false )?deposed/)
  })

  test('between one and two of five: that one is out for all', () => {
    const cluster = SimCluster.started({ nodes: 5 })
    const [, b, , d, e] = cluster.nodes
    cluster.part([b], [d, e])
    cluster.run(5000)
    expect(cluster.views).toEqual(['acde'])
  })
})

test('a state travels as JSON', () => {
  const cluster = SimCluster.started({ nodes: 5 })
  const [a, b, c] = cluster.nodes
  cluster.part([a], [b])
  cluster.run(3000)
  const message = c.detector.answer(a.detector.message())
  expect(JSON.parse(JSON.stringify(message))).toEqual(message)
  expect(Object.keys(message.gossip).sort()).toEqual([a.name, b.name])
})

describe('leaving and coming', () => {
  test('one that leaves is out at once, and its death afterwards is no news', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const told = since(cluster.nodes)
    a.detector.leave()
    cluster.run(20)
    expect(cluster.views).toEqual(['bc'])
    cluster.run(2000)
    cluster.kill(a)
    cluster.run(2000)
    expect(told()).toEqual(['bc', 'bc', 'bc'])
    expect([b, c].map(({ detector }) => detector.isolated)).toEqual([false, false])
  })

  test('one that lost its standing forgets, and is back when it has it again', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a] = cluster.nodes
    const told = since(cluster.nodes)
    a.detector.setRegistered(false)
    cluster.run(20)
    expect(cluster.views).toEqual(['bc'])
    a.detector.setRegistered(true)
    cluster.run(20)
    expect(told()).toEqual(['deposed bc abc', 'bc abc', 'bc abc'])
  })

  test('one that is not listed any more is told, as it may not know', () => {
    const cluster = SimCluster.started({ nodes: 3 })
    const [a, b, c] = cluster.nodes
    const told = since([a])
    for (const node of [b, c]) node.detector.setMembers([b.member, c.member])
    cluster.run(2 * cluster.ping)
    expect(told()[0]).toContain('deposed')
    expect([b.sees, c.sees]).toEqual(['bc', 'bc'])
  })

  test('the weight of a member is the one it gives itself', () => {
    const cluster = new SimCluster({ nodes: 2 })
    const [a, b] = cluster.nodes
    cluster.start(a, [a, { ...b, member: { ...b.member, weight: 1 } } as SimNode, b])
    cluster.start(b)
    cluster.run(500)
    expect(a.detector.view.epoch).toBe(b.detector.view.epoch)
  })
})
