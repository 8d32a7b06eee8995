// What was slow: the slow log of commands, and the latency events.

import type { Args } from '../resp/args.ts'

/** A slow log entry keeps this many arguments, and this many bytes of each (Redis: slowlog.h). */
const MAX_ARGS = 32
const MAX_ARG_BYTES = 128

/** Samples kept per event (Redis: `LATENCY_TS_LEN`). */
const MAX_SAMPLES = 160

const REDACTED = Buffer.from('(redacted)')

/** What the slow log keeps of the connection that sent a command. */
export interface CommandSender {
  /** 'host:port' */
  readonly address: string
  readonly name: string
}

export interface SlowEntry {
  readonly id: number
  /** When it had run: seconds since the epoch. */
  readonly second: number
  readonly micros: number
  readonly args: readonly Buffer[]
  readonly address: string
  readonly clientName: string
}

/** The latest commands that took long, newest first. */
export class SlowLog {
  readonly entries: SlowEntry[] = []
  /** Microseconds; negative: no command enters. */
  slowerThan = 10_000
  #maxLength = 128
  #nextId = 0

  get maxLength(): number {
    return this.#maxLength
  }

  set maxLength(length: number) {
    this.#maxLength = length
    this.entries.splice(length)
  }

  /** @param secrets positions of arguments that are not kept */
  add(client: CommandSender, args: Args, secrets: readonly number[], micros: number, second: number): void {
    this.entries.unshift({
      id: this.#nextId++,
      second,
      micros: Math.floor(micros),
      args: trimmed(args, secrets),
      address: client.address,
      clientName: client.name,
    })
    this.entries.splice(this.#maxLength)
  }

  reset(): void {
    this.entries.length = 0
  }
}

/** The arguments as Redis's slow log keeps them. */
function trimmed(args: Args, secrets: readonly number[]): Buffer[] {
  const whole = args.count <= MAX_ARGS
  const kept = whole ? args.count : MAX_ARGS - 1
  const list: Buffer[] = []
  for (let i = 0; i < kept; i++) {
    const excess = args.length(i) - MAX_ARG_BYTES
    if (secrets.includes(i)) list.push(REDACTED)
    else if (excess <= 0) list.push(args.copy(i))
    else {
      const start = args.start[i]
      const head = args.buf.subarray(start, start + MAX_ARG_BYTES)
      list.push(Buffer.concat([head, Buffer.from(`... (${excess} more bytes)`)]))
    }
  }
  if (!whole) list.push(Buffer.from(`... (${args.count - kept} more arguments)`))
  return list
}

interface LatencySample {
  /** Seconds since the epoch. */
  readonly second: number
  /** The longest of that second, in milliseconds. */
  ms: number
}

/** One kind of event: its latest samples, oldest first, and the longest ever. */
export interface LatencySeries {
  readonly samples: LatencySample[]
  max: number
}

/** What took longer than a threshold, by kind: 'command', 'fast-command', 'expire-cycle', … */
export class LatencyEvents {
  readonly series = new Map<string, LatencySeries>()
  /** Milliseconds; 0: nothing is kept. */
  threshold = 0

  /** Keeps the event if it took long enough. */
  add(event: string, ms: number, second: number): void {
    if (this.threshold === 0 || ms < this.threshold) return
    const whole = Math.floor(ms)
    let series = this.series.get(event)
    if (series === undefined) {
      series = { samples: [], max: 0 }
      this.series.set(event, series)
    }
    series.max = Math.max(series.max, whole)
    const last = series.samples.at(-1)
    if (last?.second === second) {
      last.ms = Math.max(last.ms, whole)
      return
    }
    series.samples.push({ second, ms: whole })
    if (series.samples.length > MAX_SAMPLES) series.samples.shift()
  }
}
