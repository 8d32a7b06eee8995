// A node that was late while another one was cut off keeps its entries: it is the other one that drops them.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SimCluster } from '../support/sim-cluster.ts'

/** Longer than half the timeout: the node checks whether others have declared it dead. In parts of the timeout. */
const LATE = 0.7

/** One node is cut off; others are late together, so long after that, once or several times. */
function lateWhileCutOff(nodes: number, pauses: readonly number[], seed = 1): void {
  const cluster = SimCluster.started({ nodes, seed })
  const { timeout } = cluster
  const [a, b, ...others] = cluster.nodes
  const cutOff = others.pop()!
  const staying = [a, b, ...others]
  cluster.partition([cutOff], staying)
  for (const after of pauses) {
    cluster.run(after * timeout)
    for (const node of [a, b]) cluster.pause(node)
    cluster.run(LATE * timeout)
    for (const node of [a, b]) cluster.resume(node)
  }
  cluster.run(3 * timeout)
  cluster.healAll()
  cluster.run(10 * timeout)
  expect(cluster.views).toHaveLength(1)
  expect(cutOff.countEvents('declaredDead')).toBeGreaterThan(0)
  for (const node of staying) expect(node.countEvents('declaredDead'), node.name).toBe(0)
}

test.each([3, 5])('two of %i nodes are late after another one was cut off', (nodes) => {
  lateWhileCutOff(nodes, [3])
})

test.each([3, 5])('two of %i nodes are late when another one is cut off', (nodes) => {
  lateWhileCutOff(nodes, [0.4])
})

test('at any time, several times', () => {
  const pause = fc.double({ min: 0.3, max: 3, noNaN: true })
  fc.assert(
    fc.property(
      fc.constantFrom(3, 4, 5),
      fc.array(pause, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      lateWhileCutOff,
    ),
    { numRuns: 30, seed: 7 },
  )
})
