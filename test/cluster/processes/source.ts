// An origin with versioned values for all nodes of a test: the value of a read tells which change it has seen.

import { type Loaded, loaded } from '../../../src/group/origin.ts'
import type { History, Operation } from '../../support/history.ts'

export class Source {
  readonly #values = new Map<string, string>()
  readonly #history: History
  readonly #tagOf: (key: string) => string
  readonly #pause: () => Promise<void>

  /** @param pause delays each load after it has read the value, so that it does not see changes meanwhile */
  constructor(history: History, keys: readonly string[], tagOf: (key: string) => string, pause = turn) {
    this.#history = history
    this.#tagOf = tagOf
    this.#pause = pause
    for (const key of keys) history.end(this.#set(key), 'OK')
  }

  readonly load = async (key: string): Promise<Loaded> => {
    const value = this.#values.get(key) ?? null
    await this.#pause()
    return loaded(value, { tags: [this.#tagOf(key)] })
  }

  /** Changes the values of these keys; the change counts once `tell` has invalidated them in the cache. */
  async change(keys: readonly string[], tell: () => Promise<unknown>): Promise<void> {
    const operations = keys.map((key) => this.#set(key))
    const answer = await tell().catch((error: unknown) => error)
    for (const operation of operations) this.#history.end(operation, answer)
  }

  /** Reads a key through a node with `get`, and records the result. */
  async read(key: string, via: number, get: (key: string) => Promise<unknown>): Promise<void> {
    const operation = this.#history.begin('get', key, via)
    this.#history.end(operation, await get(key).catch((error: unknown) => error))
  }

  #set(key: string): Operation {
    const value = this.#history.value(key)
    const operation = this.#history.begin('set', key, 0, value)
    this.#values.set(key, value)
    return operation
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
