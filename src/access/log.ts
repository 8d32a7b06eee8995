// The log of refused requests and failed logins (Redis: ACL LOG).

/** The permission that a request lacked, or a failed login. */
export type Reason = 'command' | 'group' | 'key' | 'channel' | 'auth'

/** A refusal. Its object and its user have one character per byte. */
export interface Refused {
  readonly reason: Reason
  readonly context: 'toplevel' | 'multi'
  /** The command, the key, the group; AUTH or HELLO. */
  readonly object: string
  readonly username: string
  /** The client, as CLIENT INFO shows it. */
  readonly clientInfo: string
}

export interface LogEntry extends Refused {
  readonly id: number
  /** How often it happened, with less than a minute in between. */
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** Redis: `ACL_LOG_GROUPING_MAX_TIME_DELTA`. */
const MAX_BETWEEN_MS = 60_000
/** Only the latest entries are compared: an attacker must not make the search long. */
const COMPARED = 10
/** An object or a name may be as long as a request. Redis keeps it all. */
const MAX_TEXT = 1024

export class AccessLog {
  /** The latest first. */
  #entries: LogEntry[] = []
  #maxLength = 128
  #nextId = 0
  /** Refusals by reason since the start, or since the last reset of statistics. */
  readonly counts: Record<Reason, number> = { command: 0, group: 0, key: 0, channel: 0, auth: 0 }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  get maxLength(): number {
    return this.#maxLength
  }

  set maxLength(length: number) {
    this.#maxLength = length
    this.#entries.length = Math.min(this.#entries.length, length)
  }

  /** @param now milliseconds since the epoch */
  add(refused: Refused, now: number): void {
    this.counts[refused.reason]++
    const object = refused.object.slice(0, MAX_TEXT)
    const username = refused.username.slice(0, MAX_TEXT)
    const i = this.#entries
      .slice(0, COMPARED)
      .findIndex(
        (entry) =>
          entry.reason === refused.reason &&
          entry.context === refused.context &&
          Math.abs(now - entry.updatedAt) <= MAX_BETWEEN_MS &&
          entry.object === object &&
          entry.username === username,
      )
    const { id, count, createdAt } =
      i < 0 ? { id: this.#nextId++, count: 0, createdAt: now } : this.#entries[i]
    if (i >= 0) this.#entries.splice(i, 1)
    this.#entries.unshift({ ...refused, object, username, id, count: count + 1, createdAt, updatedAt: now })
    if (this.#entries.length > this.#maxLength) this.#entries.length = this.#maxLength
  }

  clear(): void {
    this.#entries = []
  }

  resetCounts(): void {
    for (const reason of Object.keys(this.counts) as Reason[]) this.counts[reason] = 0
  }
}
