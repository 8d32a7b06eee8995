// The order in which SCAN visits the nodes.

import { nodeId } from '../member.ts'

/** A node and its position, a unique integer from 1 to 2^20 - 1. */
export interface ScanStep {
  readonly token: number
  readonly owner: number
}

const TOKENS = 2 ** 20

/** Tokens depend on names, so that a node that joins or leaves during a SCAN does not cause others to be skipped. */
export function scanOrder(nodes: readonly { readonly name: string; readonly owner: number }[]): ScanStep[] {
  const taken = new Set<number>()
  const byName = [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1))
  const steps = byName.map(({ name, owner }) => {
    let token = Number.parseInt(nodeId(name).slice(0, 5), 16) || 1
    while (taken.has(token)) token = (token % (TOKENS - 1)) + 1
    taken.add(token)
    return { token, owner }
  })
  return steps.sort((a, b) => a.token - b.token)
}
