// Transfer of entries: takes over those of slots that were gained, hands over those of slots that were lost.

import { delay, type Timers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import type { Reply } from '../links/request.ts'
import { Handover } from './handover.ts'
import { FlushRelay } from './relay.ts'
import { Takeover, type TransferredEntry } from './takeover.ts'
import type { KeyReport, Tally } from './tally.ts'

/** How long a previous owner may take to answer PEEK, ms. Then the origin is asked, or the previous owner again. */
const PEEK_TIMEOUT = 250
/** The wait before a previous owner that did not answer is asked again, ms. */
const RETRY_MS = 20

export interface RelocationOptions {
  readonly self: string
  readonly groups: readonly Group[]
  readonly instant: Instant
  readonly timers: Timers
  readonly micros: () => number
  /** Bytes per second for handovers; 0: no limit. */
  readonly rate: number
  /** See `FlushRelayOptions`. */
  readonly relayMs: number
  readonly expectsEntries: (slot: number, from: string) => boolean
  /** A member has received all entries of these slots. */
  readonly handedOver: (slots: readonly number[], to: string) => void
  /** Sends a request to another node on its control link. */
  readonly ask: (name: string, group: Group, args: readonly (string | Buffer)[]) => Promise<Reply>
  /** Logs a warning. */
  readonly warn: (message: string) => void
}

export class Relocation {
  readonly takeover: Takeover
  readonly handover: Handover
  readonly relay: FlushRelay
  readonly #options: RelocationOptions
  #isClosed = false
  /** The last count of received entries that was seen, and when. */
  #received = 0
  #receivedAt = 0

  constructor(options: RelocationOptions) {
    this.#options = options
    const { groups, instant, timers, micros, rate, expectsEntries } = options
    const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    this.relay = new FlushRelay(options)
    this.takeover = new Takeover({
      groups,
      expectsEntries,
      micros,
      pause,
      overflowed: (from) =>
        options.warn(
          `too many keys were written during the handover from ${from}: its remaining entries are lost`,
        ),
    })
    this.handover = new Handover({
      groups,
      instant,
      timers,
      micros,
      pause,
      bytesPerSecond: rate,
      send: (to, group, entries) => this.#send(to, group, entries),
      tally: (to, sent) => this.#tell(to, sent),
      sendPart: async (to, group, key, number, dump) => {
        const reply = await options.ask(to, group, ['PEER', 'PART', key, String(number), dump])
        // A node of an earlier version does not know PEER PART.
        if (reply instanceof Error) return 'unknown'
        const answer = String(reply)
        return answer === 'taken' || answer === 'kept' || answer === 'refused' ? answer : 'later'
      },
      done: async (to, slots) => {
        const reply = await options.ask(to, groups[0], ['PEER', 'DONE', slots.join(' ')])
        if (String(reply) !== 'taken') return 'later'
        options.handedOver(slots, to)
        return 'taken'
      },
    })
  }

  /** This node now owns these slots. `from`, if given, hands their entries over. */
  gained(slots: readonly number[], from: string | undefined): void {
    this.handover.regained(slots)
    this.takeover.gained(slots, from)
  }

  /** This node no longer owns these slots. `to`, if given, receives their entries. */
  lost(slots: readonly number[], to: string | undefined): void {
    this.takeover.lost(slots)
    this.handover.lost(slots, to)
    if (to !== undefined) this.relay.released(to)
    else for (const tally of [this.takeover.taken, this.handover.sent]) tally.clear()
  }

  /** A node has died, restarted or left. */
  peerGone(name: string): void {
    this.takeover.peerGone(name)
    this.handover.peerGone(name)
    this.relay.peerGone(name)
  }

  /** A request ran here for a slot that this node does not own. */
  ranMisrouted(slot: number): void {
    this.takeover.ranMisrouted(slot)
    this.handover.ranMisrouted(slot)
  }

  /** The node to ask for the key of argument `i` before a command runs on it; `undefined`: none. */
  peerToAsk(group: Group, args: Args, i: number): string | undefined {
    const { buf, start, end } = args
    return this.takeover.peerToAsk(group, keySlot(buf, start[i], end[i]), buf, start[i], end[i])
  }

  /**
   * Asks the previous owner for a key and stores its entry. Without an origin it is asked until it has answered, has
   * handed the slot over, or is gone: no other node has the entry. False: it did not answer, and the origin is asked. Does
   * not resolve any more once this node is closed, so that no command runs without the entry.
   */
  async pull(group: Group, key: Buffer): Promise<boolean> {
    const { instant } = this.#options
    for (;;) {
      const from = this.#peerToAsk(group, key)
      if (from === undefined) return true
      const entry = await this.#peek(from, group, key)
      instant.refresh()
      if (Buffer.isBuffer(entry)) this.takeover.accept(group, key, entry, from)
      if (entry === null || Buffer.isBuffer(entry)) {
        // There is no entry, or it must not be stored: the key is not asked for again.
        if (this.#peerToAsk(group, key) === from) this.takeover.noteAbsent(group, key, from)
      } else if (group.flights !== undefined) return false
      else if (this.#isClosed) return new Promise(() => undefined)
      else await delay(this.#options.timers, RETRY_MS)
    }
  }

  /** This node's part of the reports for commands on all keys: see `Tally`. */
  keyReport({ store }: Group): KeyReport {
    const { self, instant } = this.#options
    const { takeover, handover } = this
    if (takeover.received !== this.#received) {
      this.#received = takeover.received
      this.#receivedAt = instant.monotonicMs
    }
    return {
      name: self,
      size: store.size,
      received: takeover.received,
      quietMs: instant.monotonicMs - this.#receivedAt,
      sent: handover.sent.ofAll(store),
      taken: takeover.taken.ofAll(store),
      sendsTo: handover.sendsTo,
      takesFrom: takeover.takesFrom,
    }
  }

  /** This node is closed: nothing more is asked of others. */
  close(): void {
    this.#isClosed = true
    this.handover.close()
    this.relay.close()
  }

  /** A member says how many entries of each group it has sent to this node. */
  tallied(from: string, counts: ReadonlyMap<Group, number>): void {
    for (const [{ store }, count] of counts) this.takeover.taken.set(from, store, count)
  }

  #tell(to: string, sent: Tally): void {
    const { groups, ask } = this.#options
    const counts = groups.flatMap(({ name, store }) => [name, String(sent.of(to, store))])
    // A node of an earlier version refuses it.
    ask(to, groups[0], ['PEER', 'TALLY', ...counts]).catch(() => undefined)
  }

  #peerToAsk(group: Group, key: Buffer): string | undefined {
    return this.takeover.peerToAsk(group, keySlot(key, 0, key.length), key, 0, key.length)
  }

  /** Asks the previous owner for an entry (PEER PEEK); `undefined`: there was no answer in time. */
  #peek(from: string, group: Group, key: Buffer): Promise<Reply | undefined> {
    const { timers, ask } = this.#options
    return new Promise((resolve) => {
      const cancel = timers.after(PEEK_TIMEOUT, () => resolve(undefined))
      ask(from, group, ['PEER', 'PEEK', key])
        .then(resolve, () => resolve(undefined))
        .finally(cancel)
    })
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
