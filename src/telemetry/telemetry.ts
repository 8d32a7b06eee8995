// What is known of how commands ran: calls, time, errors. The clock is read per chunk, not per command.

import type { Instant } from '../bytes/instant.ts'
import type { Args } from '../resp/args.ts'
import { Histogram } from './histogram.ts'
import { LatencyEvents } from './latency-events.ts'
import { type CommandSender, SlowLog } from './slow-log.ts'

/** While the slow log's threshold is lower, µs, every command is timed on its own. */
const TIME_ALL_BELOW = 1000

/** Error codes are chosen by handlers and origins: more of them than this are not told apart (Redis: 128). */
const MAX_ERROR_CODES = 128

/** What is counted of one command. */
export class CommandStats {
  /** 'get', 'client|setname'. */
  readonly name: string
  /** Whether its time depends on its arguments: then it is always timed on its own. */
  readonly isTimed: boolean
  /** Redis's flag 'fast': which latency event it belongs to. */
  readonly isFast: boolean
  readonly skipsSlowLog: boolean
  calls = 0
  /** Microseconds spent in all calls. */
  micros = 0
  /** Calls that were not run: wrong arity, no permission. */
  rejectedCalls = 0
  /** Calls that answered with an error. */
  failedCalls = 0
  /** Calls of the chunk under way whose share of its time is not known yet. */
  pending = 0
  /** Made at the first call that it counts. */
  histogram: Histogram | undefined

  constructor(name: string, traits: { isTimed: boolean; isFast: boolean; skipsSlowLog: boolean }) {
    this.name = name
    this.isTimed = traits.isTimed
    this.isFast = traits.isFast
    this.skipsSlowLog = traits.skipsSlowLog
  }

  reset(): void {
    this.calls = 0
    this.micros = 0
    this.rejectedCalls = 0
    this.failedCalls = 0
    this.histogram = undefined
  }
}

export interface TelemetryOptions {
  /** Every command and subcommand. */
  readonly commands: readonly CommandStats[]
  /** A clock that never goes back, in microseconds. */
  readonly micros: () => number
  readonly instant: Instant
}

/**
 * Commands of constant time are only counted as they run; at the end of a chunk its time, but for what was timed
 * on its own, is divided evenly among them. So the usual chunk costs two readings of the clock however many
 * commands it has. All others, and all of them while something small is looked for, are timed one by one.
 */
export class Telemetry {
  readonly commands: readonly CommandStats[]
  readonly slowLog = new SlowLog()
  readonly events = new LatencyEvents()
  /** Error replies by code: 'ERR', 'WRONGTYPE'. */
  readonly errors = new Map<string, number>()
  errorReplies = 0
  /** Commands run since the start or the last reset. */
  totalCommands = 0
  /** Whether latencies enter histograms (Redis: `latency-tracking`), and which percentiles INFO shows of them. */
  tracksLatency = true
  percentiles: readonly number[] = [50, 99, 99.9]
  /** Whether every command is timed on its own. Follows from the thresholds. */
  timesAll = false
  /** Set by an error reply: the command that runs has failed. */
  failed = false
  readonly #micros: () => number
  readonly #instant: Instant
  /** The commands with `pending` calls, in `[0, #touchedCount)`. */
  readonly #pendingStats: CommandStats[]
  #pendingStatsCount = 0
  /** When the time to divide began, and how much of what has passed was timed on its own. */
  #since = 0
  #timedMicros = 0

  constructor(options: TelemetryOptions) {
    this.commands = options.commands
    this.#micros = options.micros
    this.#instant = options.instant
    this.#pendingStats = [...options.commands]
  }

  /** Microseconds of a clock that never goes back. */
  now(): number {
    return this.#micros()
  }

  /** A chunk begins. */
  beginChunk(): void {
    this.#since = this.#micros()
    this.#timedMicros = 0
  }

  /** Counts a call whose time is a share of the chunk's. */
  count(stats: CommandStats): void {
    if (stats.pending++ === 0) this.#pendingStats[this.#pendingStatsCount++] = stats
    if (this.failed) {
      this.failed = false
      stats.failedCalls++
    }
  }

  /**
   * Counts a call that was timed on its own, beginning at `startedAt`.
   *
   * @param secrets positions of arguments that the slow log must not keep
   */
  finish(
    stats: CommandStats,
    startedAt: number,
    client: CommandSender,
    args: Args,
    secrets: readonly number[],
  ): void {
    const micros = this.#micros() - startedAt
    this.#timedMicros += micros
    if (this.failed) {
      this.failed = false
      stats.failedCalls++
    }
    this.#record(stats, micros, 1)
    const second = Math.floor(this.#instant.now / 1000)
    const { slowLog } = this
    if (slowLog.slowerThan >= 0 && micros >= slowLog.slowerThan && !stats.skipsSlowLog) {
      slowLog.add(client, args, secrets, micros, second)
    }
    this.events.add(stats.isFast ? 'fast-command' : 'command', micros / 1000, second)
  }

  /** Divides the time since `begin`, or since the last call of this, among the calls counted meanwhile. */
  attributeTime(): void {
    const now = this.#micros()
    const micros = now - this.#since - this.#timedMicros
    this.#since = now
    this.#timedMicros = 0
    const touched = this.#pendingStats
    const count = this.#pendingStatsCount
    if (count === 0) return
    this.#pendingStatsCount = 0
    let calls = 0
    for (let i = 0; i < count; i++) calls += touched[i].pending
    const share = micros / calls
    for (let i = 0; i < count; i++) {
      const stats = touched[i]
      this.#record(stats, share, stats.pending)
      stats.pending = 0
    }
  }

  /** An error was replied: `text` begins with its code. */
  errorReply(text: string): void {
    this.failed = true
    this.errorReplies++
    const end = text.indexOf(' ')
    let code = end < 0 ? text : text.slice(0, end)
    let count = this.errors.get(code)
    if (count === undefined && this.errors.size >= MAX_ERROR_CODES) {
      code = 'OTHER'
      count = this.errors.get(code)
    }
    this.errors.set(code, (count ?? 0) + 1)
  }

  /** Commands that took at least so many microseconds enter the slow log; negative: none. */
  set slowerThan(micros: number) {
    this.slowLog.slowerThan = micros
    this.#updateTimesAll()
  }

  /** Events that took at least so many milliseconds are kept; 0: none. */
  set eventThreshold(ms: number) {
    this.events.threshold = ms
    this.#updateTimesAll()
  }

  /** Redis: CONFIG RESETSTAT. */
  reset(): void {
    this.attributeTime()
    for (const stats of this.commands) stats.reset()
    this.errors.clear()
    this.errorReplies = 0
    this.totalCommands = 0
  }

  #updateTimesAll(): void {
    const { slowerThan } = this.slowLog
    this.timesAll = (slowerThan >= 0 && slowerThan < TIME_ALL_BELOW) || this.events.threshold > 0
  }

  #record(stats: CommandStats, micros: number, times: number): void {
    this.totalCommands += times
    stats.calls += times
    stats.micros += micros * times
    if (!this.tracksLatency) return
    stats.histogram ??= new Histogram()
    stats.histogram.record(micros, times)
  }
}
