// Commands of groups that write to their origin: run on a scratch keyspace first, to learn what there is to be written.

import type { Landing } from '../group/flights.ts'
import type { Group } from '../group/group.ts'
import { reasonOf } from '../group/result.ts'
import type { Write } from '../group/write-queue.ts'
import type { Writes } from '../group/writes.ts'
import type { Args } from '../resp/args.ts'
import { NULL_REF, type Ref } from '../store/arena.ts'
import { EXPIRES, LOADED, ValueType } from '../store/record.ts'
import { type Client, placeOf } from './client.ts'
import { copyEntry, type Entry, putEntry } from './entry.ts'
import { type Circumstances, circumstancesOf, type Errand } from './errand.ts'
import { tooLarge } from './errors.ts'
import type { HeldCommand } from './held.ts'
import { keyName } from './landings.ts'
import type { Runner } from './runner.ts'
import { givesTime } from './string-options.ts'
import type { Command } from './table.ts'
import type { Telemetry } from './telemetry.ts'

/** What changes values. Invalidation and flushes are the cache's own, and so are lifetimes. */
const WRITING = new Set(
  (
    'set setnx setex psetex getset getdel del unlink incr decr incrby decrby incrbyfloat append setrange mset msetnx ' +
    'rename renamenx copy move'
  ).split(' '),
)
/** What removes keys from the origin whether they are held or not. */
const REMOVING = new Set(['del', 'unlink'])
/** What asks whether a key is there, and must not take one for absent that only the cache lacks. */
const ASKING = new Set(['setnx', 'msetnx', 'rename', 'renamenx'])
/** What changes lifetimes: in the cache only, though in turn with the writes of the key. */
const TIMING = new Set(['expire', 'pexpire', 'expireat', 'pexpireat', 'persist', 'getex'])
/** What may write to another group. */
const CROSSING = new Set(['copy', 'move'])

/** A read-modify-write whose load is fenced again and again gives up after this many loads. */
const MAX_ATTEMPTS = 8

/** Why a group does not let a command write; `undefined`: it does. */
function refusal(group: Group, command: string): string | undefined {
  if (group.writes?.mode === 'refuse') return `ERR group ${group.name} refuses writes`
  if (!CROSSING.has(command)) return undefined
  return `ERR group ${group.name} writes to its origin: ${command.toUpperCase()} is not possible there`
}

function loadsFirst(command: Command, args: Args): boolean {
  const isConditional = command.fullName === 'set' && !command.isRepeatable(args)
  return isConditional || ASKING.has(command.fullName) || command.loadsFirst(args)
}

/** Whether the client says for how long the value is to live. */
function givesLifetime({ fullName }: Command, args: Args): boolean {
  return fullName === 'setex' || fullName === 'psetex' || (fullName === 'set' && givesTime(args, 3))
}

/** A command under way, with what it needs to be run. */
interface Written extends HeldCommand, Circumstances {
  readonly command: Command
  readonly args: Args
  /** Positions of its keys. */
  readonly positions: readonly number[]
  /** Whether it has to know what its keys hold at the origin. */
  readonly loadsFirst: boolean
  /** Takes the reply. */
  readonly complete: (reply: Buffer) => void
}

/** What a command does to a key at the origin, and in the cache: `entry` undefined, it is removed there. */
interface Change extends Write {
  readonly entry: Entry | undefined
}

export class OriginWrites {
  readonly #runner: Runner
  readonly #telemetry: Telemetry
  /** Whether another node is to run a command that waited: then it takes care of the reply. */
  readonly #sendOn: (written: Written) => boolean

  constructor(runner: Runner, telemetry: Telemetry, sendOn: (written: Written) => boolean) {
    this.#runner = runner
    this.#telemetry = telemetry
    this.#sendOn = sendOn
  }

  /** Whether a command, in a group that writes to its origin, is to be held. */
  concerns({ fullName }: Command): boolean {
    if (WRITING.has(fullName)) return true
    const { args, group } = this.#runner.context
    return TIMING.has(fullName) && group.writes?.has(args.latin1(1)) === true
  }

  /** Begins the context's command, and holds the place of its reply. False: it is refused, with an error. */
  hold(client: Client, command: Command, errand?: Errand): boolean {
    const { context } = this.#runner
    const { group } = context
    const refused = refusal(group, command.fullName)
    if (refused !== undefined) {
      context.reply.error(refused)
      return false
    }
    const positions = command.keysOf(context)
    const args = context.args.detach()
    const written: Written = {
      ...(errand?.circumstances ?? circumstancesOf(client)),
      command,
      args,
      group,
      positions,
      keys: positions.map((i) => keyName(args, i)),
      bytes: args.buf.length,
      write: true,
      loadsFirst: group.flights !== undefined && loadsFirst(command, args),
      complete: errand?.complete ?? placeOf(client),
    }
    client.held.add(written)
    void this.#perform(written).then((reply) => {
      client.held.delete(written)
      if (reply !== undefined) {
        written.complete(reply)
        this.#telemetry.count(command.stats)
      }
      client.held.unpark()
    })
    return true
  }

  /** Runs the command when it is its turn. Resolves to its reply, if it has one here. */
  #perform(written: Written): Promise<Buffer | undefined> {
    const { group, args, positions, command } = written
    const { writes } = group
    if (writes === undefined) throw new Error(`group ${group.name} does not write`)
    const keys = [...new Map(positions.map((i) => [args.latin1(i), args.copy(i)])).values()]
    return writes.alone(keys, async () => {
      try {
        const landings = written.loadsFirst ? await load(group, keys) : NO_LANDINGS
        if (this.#sendOn(written)) return undefined
        if (TIMING.has(command.fullName)) return this.#run(written, group)
        return await this.#write(writes, written, keys, landings)
      } catch (error) {
        return this.#failure(group, reasonOf(error))
      }
    })
  }

  /** Writes what the command changes to the origin and to the cache. Resolves to its reply. */
  async #write(
    writes: Writes,
    written: Written,
    keys: readonly Buffer[],
    landings: ReadonlyMap<Buffer, Landing>,
  ): Promise<Buffer> {
    const { group } = written
    const scratch = group.scratch(keys.length)
    const { reply, changes } = this.#rehearse(written, scratch, keys, landings)
    for (const key of keys) scratch.remove(key)
    if (changes.length === 0) return reply
    let error: string | undefined
    let taken: readonly Change[] = changes
    if (writes.mode === 'behind') error = writes.enqueue(changes)
    else {
      const outcome = await writes.through(changes)
      error = outcome.error
      if (error !== undefined) taken = changes.filter((change) => outcome.taken.includes(change))
      this.#runner.context.instant.refresh()
    }
    // Of several keys the cache follows those that the origin has taken.
    if (error === undefined || writes.mode === 'through') for (const change of taken) apply(group, change)
    return error === undefined ? reply : this.#failure(group, error)
  }

  /** Runs the command on what its keys hold, apart from the cache. */
  #rehearse(
    written: Written,
    scratch: Group,
    keys: readonly Buffer[],
    landings: ReadonlyMap<Buffer, Landing>,
  ): { reply: Buffer; changes: Change[] } {
    const { group, command, args } = written
    this.#runner.context.instant.refresh()
    const { store } = scratch
    const before = keys.map((key) => prepare(group, scratch, key, landings.get(key)))
    const reply = this.#run(written, scratch)
    const isTimed = givesLifetime(command, args)
    const changes: Change[] = []
    for (const [i, key] of keys.entries()) {
      const ref = store.peek(key, 0, key.length)
      const old = before[i]
      if (ref === NULL_REF) {
        // A value whose time is over when it is set is gone at once.
        const isOver = isTimed && reply[0] !== ERROR
        if (old !== undefined || isOver || REMOVING.has(command.fullName))
          changes.push({ key, value: null, entry: undefined })
        continue
      }
      const entry = copyEntry(scratch, ref)
      const { value } = entry
      // What was set, even to the value that it had, came anew.
      const isSet = (entry.flags & LOADED) === 0
      if (!isSet && old?.equals(value)) continue
      if (!group.store.fits(key.length, value.length, entry.flags))
        return { reply: this.#refusal(tooLarge(group.store.maxBytes)), changes: [] }
      changes.push({ key, value, entry, deadline: isTimed ? Number(entry.deadline) : undefined })
    }
    return { reply, changes }
  }

  /** The reply of the command on a group, which may stand for the real one. */
  #run({ client, command, args, protocol }: Written, group: Group): Buffer {
    const { context } = this.#runner
    const { reply } = context
    context.instant.refresh()
    context.args = args
    context.client = client
    context.command = command
    context.group = group
    context.store = group.store
    context.missed = false
    context.loaded = true
    reply.protocol = protocol
    if (group.isWatched) this.#runner.fence(command)
    this.#runner.run(command, 0)
    return reply.take()
  }

  #failure(group: Group, reason: string): Buffer {
    return this.#refusal(`ORIGIN ${group.name}: ${reason}`)
  }

  #refusal(text: string): Buffer {
    const { reply } = this.#runner.context
    reply.error(text)
    return reply.take()
  }
}

/** What an error reply begins with. */
const ERROR = 0x2d

const NO_LANDINGS: ReadonlyMap<Buffer, Landing> = new Map()

/** The values at the origin of the keys that are not held. */
async function load(group: Group, keys: readonly Buffer[]): Promise<Map<Buffer, Landing>> {
  const landings = new Map<Buffer, Landing>()
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const missing = keys.filter((key) => {
      const landing = landings.get(key)
      return group.wouldLoad(key, 0, key.length, true) && (landing === undefined || landing.fenced)
    })
    if (missing.length === 0) return landings
    const loads = missing.map((key) => new Promise<Landing>((resolve) => group.load(key, resolve)))
    for (const [i, landing] of (await Promise.all(loads)).entries()) {
      if (landing.error !== undefined) throw new Error(landing.error)
      landings.set(missing[i], landing)
    }
  }
  throw new Error(`the key was changed during each of ${MAX_ATTEMPTS} loads`)
}

/** Puts what a key holds into the scratch, marked as loaded so that what is set there can be told from it. */
function prepare(
  group: Group,
  scratch: Group,
  key: Buffer,
  landing: Landing | undefined,
): Buffer | undefined {
  const { store } = group
  const ref = store.peek(key, 0, key.length)
  if (isValue(group, ref)) {
    const entry = copyEntry(group, ref)
    const { value } = entry
    putEntry(scratch, key, 0, key.length, { ...entry, from: scratch, flags: entry.flags | LOADED })
    return value
  }
  const value = landing?.value
  if (value === null || value === undefined) return undefined
  const deadline = endOf(group, landing)
  scratch.store.deadline[0] = deadline
  const flags = deadline === Infinity ? LOADED : LOADED | EXPIRES
  scratch.store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, flags)
  return value
}

/** When a value ends that was loaded and is not held. One that is never kept lives through this millisecond. */
function endOf(group: Group, landing: Landing | undefined): number {
  const ttl = landing?.facts?.ttl
  if (ttl === Infinity) return ttl
  if (ttl !== undefined) return Math.min(group.store.now + Math.ceil(ttl), Number.MAX_SAFE_INTEGER)
  return group.lifetime() === 0 ? Infinity : group.store.deadline[0]
}

function isValue({ store }: Group, ref: Ref): boolean {
  if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return false
  return !store.records.isStale(ref, store.nowCell)
}

/** Makes the cache hold what the origin does. */
function apply(group: Group, { key, entry }: Change): void {
  if (entry === undefined) {
    group.remove(key)
    return
  }
  const isOver = (entry.flags & EXPIRES) !== 0 && Number(entry.deadline) <= group.store.now
  if (group.isWatched) group.fence(key, 0, key.length)
  const flags = entry.flags & ~LOADED
  // One that has become too large meanwhile is not kept either: the budget has changed.
  if (isOver || !putEntry(group, key, 0, key.length, { ...entry, from: group, flags })) group.remove(key)
}
