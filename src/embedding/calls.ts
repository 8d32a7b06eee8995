// The calls of a program on the node that it embeds: reads, writes, invalidation, and the state of groups and keys.

import type { Instant } from '../bytes/instant.ts'
import { explanationIn } from '../commands/own/explain.ts'
import { type Explanation, explanationOf } from '../commands/own/explanation.ts'
import { type GroupStats, groupStats } from '../commands/own/group-stats.ts'
import { kindOf } from '../config/readers.ts'
import { changeValue, fetchValue } from '../group/calls.ts'
import type { Group } from '../group/group.ts'
import { CLOSED } from '../server/program.ts'
import type { Server } from '../server/server.ts'
import type { ServerSettings } from '../server/settings.ts'
import { type Bytes, bytesOf, type SetOptions, textOf, ttlArguments, ttlOf } from './arguments.ts'

/** The part of a node that the calls use. */
export interface CalledParts {
  readonly groups: ReadonlyMap<string, Group>
  /** `undefined`: the node owns every key. */
  readonly cluster: object | undefined
  readonly server: Pick<Server, 'program'>
  readonly settings: Pick<ServerSettings, 'protoMaxBulkLen'>
  readonly instant: Instant
  readonly state: {
    /** The node listens or is about to, and joins its cluster. */
    readonly isListening: boolean
    /** Calls are rejected. */
    readonly isClosed: boolean
  }
}

export class NodeCalls {
  readonly #parts: CalledParts

  constructor(parts: CalledParts) {
    this.#parts = parts
  }

  /**
   * Reads a value as text, and loads it from the group's origin on a miss; `null` if there is no such key. In a cluster
   * the owner of the key is asked.
   * @throws OriginError, PeerDownError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async get(group: string, key: Bytes): Promise<string | null> {
    return textOf(await this.getBuffer(group, key))
  }

  /** Reads a value as bytes; otherwise as {@link NodeCalls.get}. The buffer is a copy of the caller's own. */
  async getBuffer(group: string, key: Bytes): Promise<Buffer | null> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    if (this.#parts.cluster === undefined) return fetchValue(own, name)
    const value = (await this.#ask(own, 'GET', name)) as Buffer | null
    return value && Buffer.from(value)
  }

  /**
   * Reads many values as text, in the order of `keys`, with `null` for each key that does not exist. All misses are
   * loaded together: an origin that loads many keys is called once per batch. In a cluster each owner gets one request.
   * @throws as {@link NodeCalls.get}, also when the load of only one key fails
   */
  async getMany(group: string, keys: readonly Bytes[]): Promise<(string | null)[]> {
    return (await this.getManyBuffers(group, keys)).map(textOf)
  }

  /** Reads many values as bytes; otherwise as {@link NodeCalls.getMany}. */
  async getManyBuffers(group: string, keys: readonly Bytes[]): Promise<(Buffer | null)[]> {
    const own = this.#group(group)
    if (!Array.isArray(keys)) throw new TypeError(`got ${kindOf(keys)} for the keys, wants an array`)
    const names = keys.map((key) => bytesOf(key, 'a key'))
    if (names.length === 0) return []
    if (this.#parts.cluster === undefined) return Promise.all(names.map((name) => fetchValue(own, name)))
    const values = (await this.#ask(own, 'MGET', ...names)) as (Buffer | null)[]
    return values.map((value) => value && Buffer.from(value))
  }

  /**
   * Writes a value to the cache, and to the origin where the group's `write` says so. The result of a running load of
   * the key is not stored.
   * @throws PeerDownError, OriginError; RangeError for an unknown group, a `ttl` out of range, or an entry larger than
   * the group's budget; TypeError for arguments of other types
   */
  async set(group: string, key: Bytes, value: Bytes, options: SetOptions = {}): Promise<void> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    const bytes = bytesOf(value, 'the value')
    const ttl = ttlOf(options)
    if (this.#parts.cluster === undefined) await changeValue(own, name, bytes, ttl ?? 0)
    else await this.#ask(own, 'SET', name, bytes, ...ttlArguments(ttl))
  }

  /**
   * Removes a key from the cache, and from the origin where the group's `write` says so. Resolves to whether the cache
   * held a value. The result of a running load of the key is not stored.
   * @throws PeerDownError, OriginError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async delete(group: string, key: Bytes): Promise<boolean> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    if (this.#parts.cluster === undefined) return changeValue(own, name, null, 0)
    return (await this.#ask(own, 'DEL', name)) === 1
  }

  /**
   * Removes keys from the cache because their source has changed; the origin is not written. Resolves to how many of
   * them the cache held. The results of running loads of these keys are not stored.
   * @throws PeerDownError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async invalidate(group: string, ...keys: Bytes[]): Promise<number> {
    const own = this.#group(group)
    const names = keys.map((key) => bytesOf(key, 'a key'))
    if (names.length === 0) return 0
    if (this.#parts.cluster === undefined) return names.filter((name) => own.invalidate(name)).length
    return (await this.#ask(own, 'INVALIDATE', 'KEY', ...names)) as number
  }

  /**
   * Invalidates all entries that an origin has given this tag, on every node, in a time that does not depend on their
   * number.
   * @throws PeerDownError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async invalidateTag(group: string, tag: Bytes): Promise<void> {
    const own = this.#group(group)
    const name = bytesOf(tag, 'the tag')
    if (this.#parts.cluster === undefined) own.invalidateTag(name)
    else await this.#ask(own, 'INVALIDATE', 'TAG', name)
  }

  /**
   * Removes all keys of a group, by default of every group, from the caches of all nodes. Origins keep their data.
   * @throws PeerDownError, RangeError for an unknown group, TypeError for a name of another type
   */
  async flush(group?: string): Promise<void> {
    if (group === undefined) this.#requireOpen()
    const groups = group === undefined ? [...this.#parts.groups.values()] : [this.#group(group)]
    if (this.#parts.cluster === undefined) for (const own of groups) own.clear()
    else await Promise.all(groups.map((own) => this.#ask(own, 'GROUP', 'FLUSH', own.name)))
  }

  /**
   * What a group holds on this node, its counters and its policies: the fields of GROUP INFO. Other nodes of a cluster
   * have contents and counters of their own.
   * @throws RangeError for an unknown group, TypeError for a name of another type
   */
  async stats(group: string): Promise<GroupStats> {
    const own = this.#group(group)
    this.#parts.instant.refresh()
    return groupStats(own, [...this.#parts.groups.values()].indexOf(own))
  }

  /**
   * What would answer a read of a key, and the state of its entry: the fields of EXPLAIN. Nothing is loaded, and the
   * entry does not count as used.
   * @throws RangeError for an unknown group, TypeError for arguments of other types
   */
  async explain(group: string, key: Bytes): Promise<Explanation> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    if (this.#parts.cluster !== undefined) return explanationIn(await this.#ask(own, 'EXPLAIN', name))
    this.#parts.instant.refresh()
    return explanationOf(own, name, this.#parts.instant)
  }

  /** Runs a command where the key is. */
  async #ask(group: Group, name: string, ...args: (string | Buffer)[]) {
    if (!this.#parts.state.isListening)
      throw new Error('this node is in a cluster, which it joins when it listens: call listen() before')
    const most = this.#parts.settings.protoMaxBulkLen
    const longest = args.reduce((length, arg) => Math.max(length, arg.length), 0)
    if (longest > most) throw new RangeError(`got ${longest} bytes, wants ${most} at most (protoMaxBulkLen)`)
    return this.#parts.server.program.ask(group, name, ...args)
  }

  #group(name: string): Group {
    this.#requireOpen()
    if (typeof name !== 'string') throw new TypeError(`got ${kindOf(name)} for the group, wants its name`)
    const group = this.#parts.groups.get(name)
    if (group === undefined) {
      const known = [...this.#parts.groups.keys()].join(', ')
      throw new RangeError(`there is no group ${JSON.stringify(name)}, known are ${known}`)
    }
    return group
  }

  #requireOpen(): void {
    if (this.#parts.state.isClosed) throw new Error(CLOSED)
  }
}
