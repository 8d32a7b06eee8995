// Command statistics: calls, time, errors. The clock is read per chunk, not per command.

import type { Instant } from '../bytes/instant.ts'
import type { Args } from '../resp/args.ts'
import { Histogram } from './histogram.ts'
import { LatencyEvents } from './latency-events.ts'
import type { OriginCallKind } from './origin-calls.ts'
import { type CommandSender, SlowLog } from './slow-log.ts'

/** Below this threshold of the slow log, in µs, every command is timed individually. */
const TIME_ALL_BELOW = 1000

/** Handlers and origins choose error codes: more than this many are counted as `OTHER` (Redis: 128). */
const MAX_ERROR_CODES = 128

/** Statistics of one command. */
export class CommandStats {
  /** 'get', 'client|setname'. */
  readonly name: string
  /** Whether the duration depends on the arguments: such a command is timed individually. */
  readonly isTimed: boolean
  /** Redis's flag `fast`, which selects the latency event. */
  readonly isFast: boolean
  readonly skipsSlowLog: boolean
  calls = 0
  /** Total duration of all calls, µs. */
  micros = 0
  /** Calls rejected before they ran: wrong arity, no permission. */
  rejectedCalls = 0
  /** Calls that replied with an error. */
  failedCalls = 0
  /** Calls of the current chunk whose duration is not attributed yet. */
  pending = 0
  /** Created at the first call. */
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
  /** A monotonic clock in µs. */
  readonly micros: () => number
  readonly instant: Instant
}

/**
 * Commands of constant time are only counted while they run. At the end of a chunk, its duration without the commands
 * timed individually is divided evenly among them. So a usual chunk costs two clock readings, whatever the number of its
 * commands. Other commands, and all commands while a threshold is low, are timed individually.
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
  /** Whether histograms are recorded (Redis: `latency-tracking`), and which of their percentiles INFO shows. */
  tracksLatency = true
  percentiles: readonly number[] = [50, 99, 99.9]
  /** Whether every command is timed individually. Depends on the thresholds. */
  timesAll = false
  /** Set by an error reply: the running command has failed. */
  failed = false
  /** When a command that was timed individually last ended, µs. */
  lastTimedAt = 0
  readonly #micros: () => number
  readonly #instant: Instant
  /** The commands with `pending` calls, in `[0, #pendingStatsCount)`. */
  readonly #pendingStats: CommandStats[]
  #pendingStatsCount = 0
  /** Start of the time to divide, and the part of it that was timed individually. */
  #since = 0
  #timedMicros = 0

  constructor(options: TelemetryOptions) {
    this.commands = options.commands
    this.#micros = options.micros
    this.#instant = options.instant
    this.#pendingStats = [...options.commands]
  }

  /** The monotonic clock, µs. */
  now(): number {
    return this.#micros()
  }

  /** Starts the time of a chunk. */
  beginChunk(): void {
    this.#since = this.#micros()
    this.#timedMicros = 0
  }

  /** Counts a call that gets a share of the chunk's duration. */
  count(stats: CommandStats): void {
    if (stats.pending++ === 0) this.#pendingStats[this.#pendingStatsCount++] = stats
    if (this.failed) {
      this.failed = false
      stats.failedCalls++
    }
  }

  /**
   * Counts a call that was timed individually from `startedAt` on.
   *
   * @param secrets positions of arguments that the slow log redacts
   */
  finish(
    stats: CommandStats,
    startedAt: number,
    client: CommandSender,
    args: Args,
    secrets: readonly number[],
  ): void {
    this.lastTimedAt = this.#micros()
    const micros = this.lastTimedAt - startedAt
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

  /** A load or a write of an origin has ended. */
  originCalled(kind: OriginCallKind, group: string, key: Buffer, micros: number): void {
    const { slowLog } = this
    const second = Math.floor(this.#instant.now / 1000)
    if (slowLog.originSlowerThan >= 0 && micros >= slowLog.originSlowerThan) {
      const words = ['ORIGIN', kind.toUpperCase(), group].map((word) => Buffer.from(word))
      slowLog.addOriginCall([...words, key], micros, second)
    }
    this.events.add(`origin-${kind}`, micros / 1000, second)
  }

  /** Divides the time since `beginChunk`, or since the last call of this, among the calls counted since. */
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

  /** Counts an error reply. `text` begins with the error code. */
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

  /** The slow log records commands of at least this many µs; negative: none. */
  set slowerThan(micros: number) {
    this.slowLog.slowerThan = micros
    this.#updateTimesAll()
  }

  /** Latency events of at least this many ms are recorded; 0: none. */
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
