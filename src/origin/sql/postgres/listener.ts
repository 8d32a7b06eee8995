// Change notifications from PostgreSQL: a connection that listens on a channel.

import type { Client } from 'pg'
import { readChange } from '../../changes.ts'
import { type ListenerConnection, Subscription, type SubscriptionOptions } from '../../subscription.ts'
import type { TlsOptions } from '../../tls-options.ts'
import { importPackage } from '../driver.ts'
import { postgresTarget } from '../url.ts'

export interface PostgresListenerOptions extends Omit<SubscriptionOptions, 'connect'> {
  readonly url: string
  readonly tls: TlsOptions | boolean | undefined
  readonly channel: string
  /** Called with a notification of which a part names no key or tag. */
  readonly onUnusable: (payload: string) => void
  /** Called with the keys that any other notification names, if it names keys. */
  readonly onKeys: (keys: readonly Buffer[], payload: string) => void
}

export function postgresListener(options: PostgresListenerOptions): Subscription {
  return new Subscription({ ...options, connect: (lose) => new PostgresLine(options, lose) })
}

class PostgresLine implements ListenerConnection {
  readonly #options: PostgresListenerOptions
  readonly #lose: (error: unknown) => void
  #client: Client | undefined
  #isClosed = false

  constructor(options: PostgresListenerOptions, lose: (error: unknown) => void) {
    this.#options = options
    this.#lose = lose
  }

  async open(): Promise<void> {
    const { url, tls, connectTimeout, channel } = this.#options
    const { Client, escapeIdentifier } = await importPackage('pg', () => import('pg'))
    if (this.#isClosed) throw new Error('the listener was closed')
    const client = new Client({
      ...postgresTarget(url, tls),
      connectionTimeoutMillis: connectTimeout,
      keepAlive: true,
      application_name: 'erinys listener',
    })
    this.#client = client
    client.on('error', this.#lose)
    client.on('end', () => this.#lose(new Error('the connection was closed')))
    client.on('notification', ({ payload = '' }) => {
      // Notifications that were sent before a stall may still arrive after it.
      if (!this.#isClosed) this.#read(payload)
    })
    await client.connect()
    await client.query(`LISTEN ${escapeIdentifier(channel)}`)
  }

  #read(payload: string): void {
    const { listener, onUnusable, onKeys } = this.#options
    const keys: Buffer[] = []
    const isWhole = readChange(payload, {
      group: listener.group,
      key: (key) => {
        keys.push(key)
        listener.key(key)
      },
      tag: (tag) => listener.tag(tag),
      all: () => listener.all(),
    })
    if (!isWhole) onUnusable(payload)
    else if (keys.length > 0) onKeys(keys, payload)
  }

  async check(): Promise<void> {
    await this.#client?.query('SELECT 1')
  }

  close(): void {
    this.#isClosed = true
    void this.#client?.end().catch(() => undefined)
  }
}
