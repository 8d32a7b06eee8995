// Entries on the move: what this node takes over with slots that it gained, and hands over with those it lost.

import type { Timers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import type { Reply } from '../links/request.ts'
import { Handover } from './handover.ts'
import { Takeover, type TransferredEntry } from './takeover.ts'

/** The previous owner of a slot is waited for so long, ms; then the origin is asked. */
const PEEK_TIMEOUT = 250

export interface RelocationOptions {
  readonly groups: readonly Group[]
  readonly instant: Instant
  readonly timers: Timers
  readonly micros: () => number
  /** For so long, ms, the previous owner is waited for where there is no origin to ask. */
  readonly timeout: number
  /** Bytes that are handed over per second. */
  readonly rate: number
  readonly expectsEntries: (slot: number, from: string) => boolean
  /** Asks another node, on its control link. */
  readonly ask: (name: string, group: Group, args: readonly (string | Buffer)[]) => Promise<Reply>
  /** Told what a person should know. */
  readonly warn: (message: string) => void
}

export class Relocation {
  readonly takeover: Takeover
  readonly handover: Handover
  readonly #options: RelocationOptions

  constructor(options: RelocationOptions) {
    this.#options = options
    const { groups, instant, timers, micros, rate, expectsEntries } = options
    const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    this.takeover = new Takeover({
      groups,
      expectsEntries,
      micros,
      pause,
      overflowed: (from) =>
        options.warn(`too much was written while ${from} handed its entries over: the rest is lost`),
    })
    this.handover = new Handover({
      groups,
      instant,
      timers,
      micros,
      pause,
      bytesPerSecond: rate,
      send: (to, group, entries) => this.#send(to, group, entries),
      done: async (to, slots) => {
        const reply = await options.ask(to, groups[0], ['PEER', 'DONE', slots.join(' ')])
        return String(reply) === 'taken' ? 'taken' : 'later'
      },
    })
  }

  /** This node owns these slots from now on; `from` hands their entries over, if it is given. */
  gained(slots: readonly number[], from: string | undefined): void {
    this.handover.regained(slots)
    this.takeover.gained(slots, from)
  }

  /** This node owns these slots no more; `to` takes their entries, if it is given. */
  lost(slots: readonly number[], to: string | undefined): void {
    this.takeover.lost(slots)
    this.handover.lost(slots, to)
  }

  /** A node has died, or left. */
  peerGone(name: string): void {
    this.takeover.peerGone(name)
    this.handover.peerGone(name)
  }

  /** A request ran here for a slot that this node does not own. */
  ranMisrouted(slot: number): void {
    this.takeover.ranMisrouted(slot)
    this.handover.ranMisrouted(slot)
  }

  /** Who is to be asked for the key of argument `i` before a command runs on it; `undefined`: nobody. */
  peerToAsk(group: Group, args: Args, i: number): string | undefined {
    const { buf, start, end } = args
    return this.takeover.peerToAsk(group, keySlot(buf, start[i], end[i]), buf, start[i], end[i])
  }

  /** Asks for a key, and keeps what comes. Afterwards the command may run, whatever came of it. */
  async pull(group: Group, key: Buffer): Promise<void> {
    const from = this.takeover.peerToAsk(group, keySlot(key, 0, key.length), key, 0, key.length)
    if (from === undefined) return
    const { timers, ask, instant, timeout } = this.#options
    const entry = await new Promise<Reply | undefined>((resolve) => {
      const patience = group.flights === undefined ? Math.max(timeout, PEEK_TIMEOUT) : PEEK_TIMEOUT
      const cancel = timers.after(patience, () => resolve(undefined))
      ask(from, group, ['PEER', 'PEEK', key])
        .then(resolve, () => resolve(undefined))
        .finally(cancel)
    })
    instant.refresh()
    // Without an answer nothing is known: what is there will still come.
    if (entry === null) this.takeover.noteAbsent(group, key)
    else if (Buffer.isBuffer(entry)) this.takeover.accept(group, key, entry, from)
  }

  async #send(
    to: string,
    group: Group,
    entries: readonly TransferredEntry[],
  ): Promise<'taken' | 'later' | 'refused'> {
    const args = entries.flatMap(({ key, dump }) => [key, dump])
    const reply = String(await this.#options.ask(to, group, ['PEER', 'TAKE', ...args]))
    return reply === 'taken' || reply === 'refused' ? reply : 'later'
  }
}
