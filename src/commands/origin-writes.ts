// Commands of groups that write to their origin: run on a scratch keyspace first, to learn what there is to be written.

import type { Landing } from '../group/flights.ts'
import type { Group } from '../group/group.ts'
import type { Write } from '../group/writes.ts'
import type { Args } from '../resp/args.ts'
import { NULL_REF, type Ref } from '../store/arena.ts'
import { LOADED, ValueType } from '../store/record.ts'
import { type Client, placeOf } from './client.ts'
import { copyEntry, putEntry } from './entry.ts'
import { type Circumstances, circumstancesOf, type Errand } from './errand.ts'
import type { HeldCommand } from './held.ts'
import { keyName } from './landings.ts'
import type { Runner } from './runner.ts'
import type { Command } from './table.ts'
import type { Telemetry } from './telemetry.ts'

/** What changes values. Lifetimes, invalidation and flushes are the cache's own. */
const WRITING = new Set(
  (
    'set setnx setex psetex getset getdel del unlink incr decr incrby decrby incrbyfloat append setrange mset msetnx ' +
    'rename renamenx copy move'
  ).split(' '),
)
/** What removes keys from the origin whether they are held or not. */
const REMOVING = new Set(['del', 'unlink'])
/** What may write to another group. */
const CROSSING = new Set(['copy', 'move'])

/** A read-modify-write whose load is fenced again and again gives up after this many loads. */
const MAX_ATTEMPTS = 8

export function writesOrigin(command: string): boolean {
  return WRITING.has(command)
}

/** Why a group does not let a command write; `undefined`: it does. */
function refusal(group: Group, command: string): string | undefined {
  if (group.writes?.mode === 'refuse') return `ERR group ${group.name} refuses writes`
  if (!CROSSING.has(command)) return undefined
  return `ERR group ${group.name} writes to its origin: ${command.toUpperCase()} is not possible there`
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
      write: true,
      loadsFirst: group.flights !== undefined && command.loadsFirst(args),
      complete: errand?.complete ?? placeOf(client),
    }
    client.held.add(written)
    void this.#write(written).then((reply) => {
      client.held.delete(written)
      if (reply !== undefined) {
        written.complete(reply)
        this.#telemetry.count(command.stats)
      }
      client.held.unpark()
    })
    return true
  }

  /** Writes what the command changes to the origin and to the cache. Resolves to its reply, if it has one here. */
  async #write(written: Written): Promise<Buffer | undefined> {
    const { group, args, positions } = written
    const { writes } = group
    if (writes === undefined) throw new Error(`group ${group.name} does not write`)
    const keys = [...new Map(positions.map((i) => [args.latin1(i), args.copy(i)])).values()]
    return writes.alone(keys, async () => {
      try {
        const landings = written.loadsFirst ? await load(group, keys) : new Map()
        if (this.#sendOn(written)) return undefined
        const { reply, scratch, changed } = this.#rehearse(written, keys, landings)
        if (writes.mode === 'behind') {
          if (!writes.enqueue(changed)) return errorReply(group, 'too many writes wait for it')
          perform(group, scratch, changed)
          return reply
        }
        const entries = new Map(changed.map(({ key }) => [key, entryOf(scratch, key)]))
        await writes.through(changed)
        for (const [key, entry] of entries) apply(group, key, entry)
        return reply
      } catch (error) {
        return errorReply(group, (error as Error).message)
      }
    })
  }

  /** Runs the command on what its keys hold, apart from the cache. */
  #rehearse(
    written: Written,
    keys: readonly Buffer[],
    landings: ReadonlyMap<Buffer, Landing>,
  ): { reply: Buffer; scratch: Group; changed: Write[] } {
    const { group, command } = written
    const scratch = group.scratch()
    const before = new Map<Buffer, Buffer>()
    for (const key of keys) {
      const value = prepare(group, scratch, key, landings.get(key))
      if (value !== undefined) before.set(key, value)
    }
    const reply = this.#run(written, scratch)
    const changed: Write[] = []
    for (const key of keys) {
      const ref = scratch.store.peek(key, 0, key.length)
      const old = before.get(key)
      if (ref === NULL_REF) {
        if (old !== undefined || REMOVING.has(command.fullName)) changed.push({ key, value: null })
        continue
      }
      const value = scratch.store.copyValue(ref)
      // What was set, even to the value that it had, came anew.
      const isSet = (scratch.store.records.flags(ref) & LOADED) === 0
      if (isSet || old === undefined || !old.equals(value)) changed.push({ key, value })
    }
    return { reply, scratch, changed }
  }

  /** The reply of the command on a group that stands for the real one. */
  #run({ client, command, args, protocol }: Written, scratch: Group): Buffer {
    const { context } = this.#runner
    const { reply } = context
    context.instant.refresh()
    context.args = args
    context.client = client
    context.command = command
    context.group = scratch
    context.store = scratch.store
    context.missed = false
    context.loaded = true
    reply.protocol = protocol
    this.#runner.run(command, 0)
    return reply.take()
  }
}

type Entry = ReturnType<typeof copyEntry>

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
  scratch.store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, LOADED)
  return value
}

function isValue({ store }: Group, ref: Ref): boolean {
  if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return false
  return !store.records.isStale(ref, store.nowCell)
}

function entryOf(scratch: Group, key: Buffer): Entry | undefined {
  const ref = scratch.store.peek(key, 0, key.length)
  return ref === NULL_REF ? undefined : copyEntry(scratch, ref)
}

function perform(group: Group, scratch: Group, changed: readonly Write[]): void {
  for (const { key } of changed) apply(group, key, entryOf(scratch, key))
}

/** Makes the cache hold what the scratch did. */
function apply(group: Group, key: Buffer, entry: Entry | undefined): void {
  if (entry === undefined) {
    group.remove(key)
    return
  }
  if (group.isWatched) group.fence(key, 0, key.length)
  const flags = entry.flags & ~LOADED
  // One that has become too large meanwhile is not kept: the budget has changed.
  if (!putEntry(group, key, 0, key.length, { ...entry, from: group, flags })) group.remove(key)
}

function errorReply(group: Group, reason: string): Buffer {
  return Buffer.from(`-ORIGIN ${group.name}: ${reason.replace(/[\r\n]+/g, ' ')}\r\n`)
}
