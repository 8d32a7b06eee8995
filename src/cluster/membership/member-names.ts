// The names that a member's list contains, itself included, and how the lists of two members differ.

import { createHash } from 'node:crypto'

/** A peer that lists other members than this node. */
export interface ListDifference {
  readonly name: string
  /** Names that this node lists and the peer does not, and the reverse. */
  readonly lacks: readonly string[]
  readonly adds: readonly string[]
  /** Whether the peer has divided the slots among other members than this node has. */
  readonly hasOtherView: boolean
}

export class MemberNames {
  readonly names: ReadonlySet<string>
  /** Equal only for equal lists. Not ''. */
  readonly fingerprint: string

  constructor(names: Iterable<string>, fingerprint?: string) {
    this.names = new Set(names)
    this.fingerprint = fingerprint ?? fingerprintOf(this.names)
  }

  has(name: string): boolean {
    return this.names.has(name)
  }

  /** The names that the other list does not contain. */
  without(other: MemberNames): string[] {
    return [...this.names].filter((name) => !other.has(name))
  }
}

function fingerprintOf(names: Iterable<string>): string {
  return createHash('sha1')
    .update([...names].sort().join())
    .digest('hex')
    .slice(0, 12)
}
