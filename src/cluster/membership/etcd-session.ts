// One connection to one member of etcd: the few calls that a membership makes, each of which ends in time.

import type { Etcd3, IWatchResponse } from 'etcd3'
import type { EtcdConfig } from './membership.ts'

/** A key under the prefix and its value; undefined for one that was removed. */
export type Change = readonly [name: string, value: string | undefined]

export interface SessionOptions {
  readonly config: EtcdConfig
  readonly endpoint: string
  /** How long a call may take, ms. */
  readonly callTimeout: number
}

/** Waits between attempts of gRPC to connect, ms; what it does by default would find etcd again after two minutes. */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1000 }

/**
 * All calls and streams of a session use one endpoint, so that an endpoint which has stopped answering is found out
 * by any of them: a watch alone would wait for ever.
 */
export class EtcdSession {
  readonly #client: Etcd3
  readonly #patience: number
  readonly #folder: string

  private constructor(client: Etcd3, { config, callTimeout }: SessionOptions) {
    this.#client = client
    this.#patience = callTimeout
    this.#folder = `${config.prefix}/members/`
  }

  /** @throws Error when etcd3, an optional dependency, is not installed */
  static async open(options: SessionOptions): Promise<EtcdSession> {
    const { Etcd3 } = await import('etcd3').catch((error) => {
      throw new Error(`members in etcd need the package etcd3 (npm install etcd3): ${error.message}`)
    })
    const { endpoint, callTimeout, config } = options
    const { username, password = '' } = config
    const callOptions = (): object => ({ deadline: Date.now() + callTimeout })
    const auth = username === undefined ? {} : { auth: { username, password, callOptions } }
    return new EtcdSession(new Etcd3({ hosts: endpoint, grpcOptions: RECONNECT, ...auth }), options)
  }

  /** Every name with its value, and the revision at which they were so. */
  async list(): Promise<{ readonly entries: readonly Change[]; readonly revision: bigint }> {
    const { kvs, header } = await this.#client.kv.range(this.#range, this.#limits)
    const entries = kvs.map(({ key, value }) => [this.#name(key), value.toString('utf8')] as const)
    return { entries, revision: BigInt(header.revision) }
  }

  /**
   * Tells every change from a revision on, none left out, in order. Ends with `failed`: the connection broke, or
   * etcd has compacted that revision away; then it is time for another list.
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

  /** A new lease: its id, and how many seconds it lasts, which may be more than were asked for. */
  async grant(seconds: number): Promise<{ readonly id: string; readonly seconds: number }> {
    const { ID, TTL, error } = await this.#client.leaseClient.leaseGrant({ TTL: seconds }, this.#limits)
    if (error) throw new Error(error)
    return { id: ID, seconds: Number(TTL) }
  }

  /** Renews a lease; how many seconds it lasts from now, 0 when it is no more. */
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
    const entry = { key: Buffer.from(this.#folder + name), value: Buffer.from(value), lease }
    await this.#client.kv.put(entry, this.#limits)
  }

  /** Ends a lease, and with it what was put under it. */
  async revoke(lease: string): Promise<void> {
    await this.#client.leaseClient.leaseRevoke({ ID: lease }, this.#limits)
  }

  close(): void {
    this.#client.close()
  }

  get #limits(): { readonly deadline: number } {
    return { deadline: Date.now() + this.#patience }
  }

  /** All keys that begin with the folder: to the next text of its length, `/` being followed by `0`. */
  get #range(): { readonly key: Buffer; readonly range_end: Buffer } {
    return { key: Buffer.from(this.#folder), range_end: Buffer.from(`${this.#folder.slice(0, -1)}0`) }
  }

  #name(key: Buffer): string {
    return key.toString('utf8').slice(this.#folder.length)
  }
}
