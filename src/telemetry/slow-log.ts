// The slow log: the latest commands that ran longer than a threshold (SLOWLOG).

import type { Args } from '../resp/args.ts'

/** A slow log entry keeps this many arguments, and this many bytes of each (Redis: slowlog.h). */
const MAX_ARGS = 32
const MAX_ARG_BYTES = 128

const REDACTED = Buffer.from('(redacted)')

/** The client fields that a slow log entry records. */
export interface CommandSender {
  /** 'host:port' */
  readonly address: string
  readonly name: string
}

const NO_CLIENT: CommandSender = { address: '', name: '' }

export interface SlowEntry {
  readonly id: number
  /** When the command ended, in seconds since the epoch. */
  readonly second: number
  readonly micros: number
  readonly args: readonly Buffer[]
  readonly address: string
  readonly clientName: string
}

/** A bounded list of slow commands (Redis: SLOWLOG). */
export class SlowLog {
  /** Newest first. */
  readonly entries: SlowEntry[] = []
  /** The threshold in microseconds; negative: nothing is logged. */
  slowerThan = 10_000
  /** The same for calls of origins. */
  originSlowerThan = 100_000
  #maxLength = 128
  #nextId = 0

  get maxLength(): number {
    return this.#maxLength
  }

  set maxLength(length: number) {
    this.#maxLength = length
    this.entries.splice(length)
  }

  /** @param secrets positions of arguments to redact */
  add(client: CommandSender, args: Args, secrets: readonly number[], micros: number, second: number): void {
    this.#insert(trimmed(args, secrets), client, micros, second)
  }

  /** A call of an origin, as a command `ORIGIN LOAD group key` without a client. */
  addOriginCall(args: readonly Buffer[], micros: number, second: number): void {
    this.#insert(args.map(shortened), NO_CLIENT, micros, second)
  }

  reset(): void {
    this.entries.length = 0
  }

  #insert(args: readonly Buffer[], { address, name }: CommandSender, micros: number, second: number): void {
    const id = this.#nextId++
    this.entries.unshift({ id, second, micros: Math.floor(micros), args, address, clientName: name })
    this.entries.splice(this.#maxLength)
  }
}

/** Truncates arguments as Redis's slow log does. */
function trimmed(args: Args, secrets: readonly number[]): Buffer[] {
  const whole = args.count <= MAX_ARGS
  const kept = whole ? args.count : MAX_ARGS - 1
  const list: Buffer[] = []
  for (let i = 0; i < kept; i++) {
    if (secrets.includes(i)) list.push(REDACTED)
    else list.push(shortened(args.buf.subarray(args.start[i], args.end[i])))
  }
  if (!whole) list.push(Buffer.from(`... (${args.count - kept} more arguments)`))
  return list
}

/** A copy of the first bytes, with the number of the others. */
function shortened(arg: Buffer): Buffer {
  const excess = arg.length - MAX_ARG_BYTES
  if (excess <= 0) return Buffer.from(arg)
  return Buffer.concat([arg.subarray(0, MAX_ARG_BYTES), Buffer.from(`... (${excess} more bytes)`)])
}
