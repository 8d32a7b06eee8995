// The destination of the log: standard output or error. Writing never ends the process or blocks it.

import { writeSync } from 'node:fs'
import type { DestinationStream } from 'pino'

/** Lines that wait for a slow reader of a pipe; more are dropped. */
const MAX_WAITING_BYTES = 2 ** 20

/** The interval at which a write to a full pipe is retried, ms. */
const RETRY_MS = 50

/** Attempts at the end of the process. */
const LAST_TRIES = 3

const LINE_END = Buffer.from('\n')

export interface LogOutputOptions {
  /** Writes what the file descriptor accepts, and returns the number of bytes. By default the system call. */
  readonly write?: (bytes: Buffer) => number
  /** Calls `run` later. By default a timer that does not keep the process alive. */
  readonly later?: (run: () => void) => void
}

/**
 * Lines are written synchronously, so that none is lost when the process exits. A pipe that is full takes them later,
 * as many as `MAX_WAITING_BYTES`; a disk that is full and a pipe without a reader never do. What cannot be written is
 * dropped and counted.
 */
export class LogOutput implements DestinationStream {
  /** Lines that were dropped since the start. */
  dropped = 0
  /** Called with the number of lines lost, and why, when lines can be written again. It may write one. */
  recovered: (lost: number, reason: string) => void = () => {}
  readonly #write: (bytes: Buffer) => number
  readonly #later: (run: () => void) => void
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isScheduled = false
  /** Whether a line was written only in part. */
  #isTorn = false
  /** Lines dropped since one was last written, and why. */
  #lost = 0
  #reason = ''

  constructor(fd: number, { write, later }: LogOutputOptions = {}) {
    this.#write = write ?? ((bytes) => writeSync(fd, bytes))
    this.#later = later ?? ((run) => setTimeout(run, RETRY_MS).unref())
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    // A full pipe is tried again by the timer only: a failed call for each line would take its time.
    if (this.#isScheduled && this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#drop(1, 'its reader does not read')
      return
    }
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (!this.#isScheduled) this.#flush()
  }

  /** Tries to write the lines that wait: the process is about to exit. */
  flushSync(): void {
    for (let i = 0; i < LAST_TRIES && this.#waiting.length !== 0; i++) this.#flush()
  }

  #flush(): void {
    while (this.#waiting.length !== 0) {
      const [bytes] = this.#waiting
      let written = 0
      try {
        written = this.#write(bytes)
      } catch (error) {
        const { code = String(error) } = error as NodeJS.ErrnoException
        if (code === 'EAGAIN') this.#schedule()
        else this.#fail(code)
        return
      }
      this.#waitingBytes -= written
      this.#isTorn = written < bytes.length
      if (this.#isTorn) this.#waiting[0] = bytes.subarray(written)
      else this.#waiting.shift()
    }
    this.#tellLoss()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#later(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #fail(code: string): void {
    this.#drop(this.#waiting.length, code)
    // What follows a line that was written in part must begin on a line of its own.
    this.#waiting = this.#isTorn ? [LINE_END] : []
    this.#waitingBytes = this.#isTorn ? LINE_END.length : 0
    this.#isTorn = false
  }

  #drop(lines: number, reason: string): void {
    this.dropped += lines
    this.#lost += lines
    this.#reason = reason
  }

  #tellLoss(): void {
    if (this.#lost === 0) return
    const lost = this.#lost
    this.#lost = 0
    this.recovered(lost, this.#reason)
  }
}

/** The outputs of the command line itself: a reader that is gone, or a full disk, is no reason to end a node. */
export function survivesBrokenOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // `erinys check | head` is no failure.
      if (error.code !== 'EPIPE') process.exitCode = 1
    })
  }
}
