// Word from PostgreSQL of what has changed: one connection that listens to a channel, and is renewed when it breaks.

import type { Client } from 'pg'
import type { CancelTimer, Timers } from '../../bytes/clock.ts'
import type { ChangeListener } from '../../group/origin.ts'
import { readChange } from '../changes.ts'
import type { TlsOptions } from '../tls-options.ts'
import { importPackage } from './driver.ts'

export interface ListenerOptions {
  readonly url: string
  readonly tls: TlsOptions | boolean | undefined
  readonly channel: string
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly timers: Timers
  readonly listener: ChangeListener
}

/** Pauses between two attempts to connect, in ms. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000

/** A connection that says nothing is asked so often whether it lives, in ms, and has as long to answer. */
const HEARTBEAT = 5000

export class PostgresListener {
  readonly #options: ListenerOptions
  #client: Client | undefined
  #cancelTimer: CancelTimer = () => undefined
  #pause = FIRST_PAUSE
  #isClosed = false
  /** Said once for each time that it happens. */
  #isLost = false

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  /** Resolves when it listens, or when the first attempt has failed. */
  async start(): Promise<void> {
    if (this.#isClosed) return
    const { url, tls, connectTimeout, channel, listener } = this.#options
    const { Client, escapeIdentifier } = await importPackage('pg', () => import('pg'))
    const client = new Client({
      connectionString: url,
      ...(tls === undefined ? {} : { ssl: tls }),
      connectionTimeoutMillis: connectTimeout,
      query_timeout: HEARTBEAT,
      keepAlive: true,
      application_name: 'erinys listener',
    })
    this.#client = client
    let hasEnded = false
    const lose = (error: unknown): void => {
      if (hasEnded) return
      hasEnded = true
      this.#lose(client, error)
    }
    client.on('error', lose)
    client.on('end', () => lose(new Error('the connection was closed')))
    client.on('notification', ({ payload }) => readChange(payload ?? '', listener))
    try {
      await client.connect()
      await client.query(`LISTEN ${escapeIdentifier(channel)}`)
    } catch (error) {
      lose(error)
      return
    }
    // The client may have been given up meanwhile.
    if (hasEnded || this.#isClosed) return
    this.#pause = FIRST_PAUSE
    this.#isLost = false
    // What happened before is not told any more.
    listener.gap()
    this.#watch(client, lose)
  }

  close(): void {
    this.#isClosed = true
    this.#cancelTimer()
    void this.#client?.end().catch(() => undefined)
  }

  /** A connection may be dead and nobody say so. */
  #watch(client: Client, lose: (error: unknown) => void): void {
    this.#cancelTimer = this.#options.timers.after(HEARTBEAT, () => {
      client.query('SELECT 1').then(() => {
        if (this.#client === client && !this.#isClosed) this.#watch(client, lose)
      }, lose)
    })
  }

  #lose(client: Client, error: unknown): void {
    if (this.#isClosed) return
    this.#cancelTimer()
    // One that swallows what is sent to it would not end by itself.
    void client.end().catch(() => undefined)
    if (!this.#isLost) this.#options.listener.lost(error)
    this.#isLost = true
    this.#cancelTimer = this.#options.timers.after(this.#pause, () => void this.start())
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
  }
}
