// The order in which a walk over all nodes (SCAN) goes through them.

import { nodeId } from './member.ts'

/** A node, and where it comes: an integer from 1 to 2^20 - 1 that no other node has. */
export interface ScanStep {
  readonly token: number
  readonly owner: number
}

const TOKENS = 2 ** 20

/** Tokens belong to names, so that who joins or leaves during a walk does not make others be skipped. */
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
