// A connection to one endpoint of etcd, with the calls that the membership makes. Each call has a timeout.

import type { Etcd3, IWatchResponse } from 'etcd3'
import type { EtcdConfig } from './membership.ts'

/** A key below the prefix, and its value; undefined if it was deleted. */
export type Change = readonly [name: string, value: string | undefined]

export interface SessionOptions {
  readonly config: EtcdConfig
  readonly endpoint: string
  /** The timeout of a call, ms. */
  readonly callTimeout: number
  /** Whether the user of the configuration, if it has one, logs in. */
  readonly logsIn: boolean
}

/** gRPC's backoff between connection attempts, ms. With its default, a restarted etcd is found after two minutes. */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1000 }

/**
 * All calls and streams of a session use one endpoint. So a call that times out reveals that the watch is dead too; a
 * watch alone would wait forever.
 */
export class EtcdSession {
  readonly endpoint: string
  readonly #client: Etcd3
  readonly #callTimeout: number
  readonly #prefix: string

  private constructor(client: Etcd3, { config, endpoint, callTimeout }: SessionOptions) {
    this.endpoint = endpoint
    this.#client = client
    this.#callTimeout = callTimeout
    this.#prefix = `${config.prefix}/members/`
  }

  /** @throws Error if etcd3, an optional dependency, is not installed */
  static async open(options: SessionOptions): Promise<EtcdSession> {
    const { Etcd3 } = await import('etcd3').catch((error) => {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
      const message = 'members from etcd: wants the package etcd3, which is not installed: npm install etcd3'
      throw Object.assign(new Error(message, { cause: error }), { code: error.code })
    })
    const { endpoint, callTimeout, config, logsIn } = options
    const { username, password = '' } = config
    const callOptions = (): object => ({ deadline: Date.now() + callTimeout })
    const auth = username === undefined || !logsIn ? {} : { auth: { username, password, callOptions } }
    return new EtcdSession(new Etcd3({ hosts: endpoint, grpcOptions: RECONNECT, ...auth }), options)
  }

  /** All names and values, and the revision of this snapshot. */
  async list(): Promise<{ readonly entries: readonly Change[]; readonly revision: bigint }> {
    const { kvs, header } = await this.#client.kv.range(this.#range, this.#limits)
    const entries = kvs.map(({ key, value }) => [this.#name(key), value.toString('utf8')] as const)
    return { entries, revision: BigInt(header.revision) }
  }

  /**
   * Calls `changed` with every change from a revision on, in order, until it calls `failed`: the connection broke, or
   * the revision was compacted. Then the caller must list again.
   */
  watch(from: bigint, changed: (changes: readonly Change[]) => void, failed: (error: Error) => void): void {
    const answer = ({ canceled, cancel_reason, events }: IWatchResponse): void => {
      if (canceled) failed(new Error(cancel_reason || 'the watch was cancelled'))
      else if (events.length > 0) {
        changed(
          events.map(({ type, kv }) => [
            this.#name(kv.key),
            type === 'Delete' ? undefined : kv.value.toString('utf8'),
          ]),
        )
      }
    }
    this.#client.watchClient.watch().then((stream) => {
      stream.on('data', answer)
      stream.on('error', failed)
      stream.on('end', () => failed(new Error('the watch ended')))
      stream.write({ create_request: { ...this.#range, start_revision: String(from) } })
    }, failed)
  }

  /** Creates a lease. Its TTL may be longer than requested. */
  async grant(seconds: number): Promise<{ readonly id: string; readonly seconds: number }> {
    const { ID, TTL, error } = await this.#client.leaseClient.leaseGrant({ TTL: seconds }, this.#limits)
    if (error) throw new Error(error)
    return { id: ID, seconds: Number(TTL) }
  }

  /** Renews a lease. Resolves to its TTL in seconds; 0: it has expired. */
  async renew(lease: string): Promise<number> {
    const stream = await this.#client.leaseClient.leaseKeepAlive(this.#limits)
    return new Promise((resolve, reject) => {
      stream.on('error', reject)
      stream.on('end', () => reject(new Error('the renewal ended without an answer')))
      stream.on('data', ({ TTL }) => {
        resolve(Number(TTL))
        stream.end()
      })
      stream.write({ ID: lease })
    })
  }

  async put(name: string, value: string, lease: string): Promise<void> {
    const entry = { key: Buffer.from(this.#prefix + name), value: Buffer.from(value), lease }
    await this.#client.kv.put(entry, this.#limits)
  }

  /** Revokes a lease, which deletes the keys attached to it. */
  async revoke(lease: string): Promise<void> {
    await this.#client.leaseClient.leaseRevoke({ ID: lease }, this.#limits)
  }

  close(): void {
    this.#client.close()
  }

  get #limits(): { readonly deadline: number } {
    return { deadline: Date.now() + this.#callTimeout }
  }

  /** All keys with the prefix `…/`. The end of the range is `…0`, as `0` follows `/`. */
  get #range(): { readonly key: Buffer; readonly range_end: Buffer } {
    return { key: Buffer.from(this.#prefix), range_end: Buffer.from(`${this.#prefix.slice(0, -1)}0`) }
  }

  #name(key: Buffer): string {
    return key.toString('utf8').slice(this.#prefix.length)
  }
}
