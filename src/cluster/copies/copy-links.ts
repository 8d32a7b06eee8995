// The links for hot copies: one data link to each peer, which carries both the copies and their invalidations.

import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import type { Link } from '../links/link.ts'
import type { Mesh } from '../links/mesh.ts'
import type { Peer } from '../links/peer.ts'
import type { Reply } from '../links/request.ts'
import type { HotCopies } from './copying.ts'

/** Copies are fetched over the data link of this client number, which no client has. */
const COPY_CLIENT = 0

/** A client whose write is forwarded. */
export interface Writer {
  readonly id: number
  readonly group: Group
  readonly isProgram?: boolean
}

export interface CopyLinksOptions {
  readonly mesh: Mesh
  readonly copies: () => HotCopies
  /** Sends a request over a link. */
  readonly ask: (link: Link, group: Group, args: readonly (string | Buffer)[]) => Promise<Reply>
}

export class CopyLinks {
  readonly #options: CopyLinksOptions

  constructor(options: CopyLinksOptions) {
    this.#options = options
  }

  /**
   * Asks the owner of a key for a copy. With one data link to each peer (the default), the invalidation arrives before
   * the reply to the write that caused it, so that a client never reads a copy from before its own write: see `keepsCopy`.
   */
  async fetch(name: string, group: Group, key: Buffer, updates: number): Promise<Reply> {
    const { mesh, copies, ask } = this.#options
    const peer = mesh.existing(name)
    const link = peer.data(COPY_CLIENT)
    if (peer.copyLink !== link) copies().linkLost(name)
    peer.copyLink = link
    return ask(link, group, ['PEER', 'COPY', key, String(updates)])
  }

  /**
   * A write of the key of argument `i` is about to be forwarded to its owner. Returns whether this node keeps its copy;
   * the client must then not read it before it has the reply. If both use the same link, the invalidation arrives
   * before the reply. Otherwise, or for a client whose outstanding replies are not tracked (a program), the copy is
   * dropped.
   */
  keepsCopy(client: Writer, args: Args, i: number, owner: Peer): boolean {
    if (client.group.copies === undefined) return false
    if (!client.isProgram && owner.data(client.id) === owner.data(COPY_CLIENT)) return true
    this.#options.copies().beforeForwardedWrite(client.group, args, i)
    return false
  }
}
