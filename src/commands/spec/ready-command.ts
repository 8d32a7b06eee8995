// A command ready to run: its specification, with the properties that the executor reads at every call as plain fields.

import { type CataloguedCommand, READ, WRITE } from '../../access/catalog.ts'
import { Args } from '../../resp/args.ts'
import { CommandStats } from '../../telemetry/telemetry.ts'
import type { CommandSpec, FanOut, KeyFlag, KeySpec } from './command.ts'
import type { Context } from './context.ts'
import type { CommandTraits } from './host.ts'

/** Tips by which clients know that a command is to be sent to every node. */
const FOR_EVERY_NODE: readonly string[] = ['request_policy:all_shards', 'request_policy:special']

/** Constant or logarithmic time, at least for each argument. */
const QUICK = /^O\((1|log N|log\(N\))\)/
const MANY_ARGUMENTS = 32

export class Command implements CommandTraits, CataloguedCommand {
  /** Its number among all commands and subcommands, from 0. */
  readonly id: number
  readonly spec: CommandSpec
  /** 'client' or 'client|setname'. */
  readonly fullName: string
  readonly run: (context: Context) => void
  readonly arity: number
  readonly firstKey: number
  readonly lastKey: number
  readonly keyStep: number
  /** Whether its keys, if it has any, are all at one fixed place. */
  readonly hasOneKey: boolean
  /** Whether the node that owns its keys runs it. */
  readonly isRouted: boolean
  readonly isWrite: boolean
  /** Whether it needs the group that the client has selected. */
  readonly usesGroup: boolean
  /** Whether it is a read that loads what it misses. */
  readonly loadsThrough: boolean
  /** Whether this node's hot copy of another node's value may answer it. */
  readonly mayUseCopy: boolean
  /** Whether clients that know the nodes send it to each of them, as its tips say. */
  readonly isForEveryNode: boolean
  /** Whether it may wait for keys. Then later commands of the same client wait for it, and no others. */
  readonly mayWait: boolean
  readonly needsNoAuth: boolean
  /** Whether only other nodes may send it. */
  readonly isForPeers: boolean
  /** Whether MONITOR shows it. */
  readonly isShown: boolean
  readonly categories: readonly string[]
  /** Whether it works on groups: the selected one, or those that it names. */
  readonly worksOnGroups: boolean
  /** How it uses the keys of each key specification: a sum of `READ` and `WRITE`. */
  readonly keyAccesses: readonly number[]
  readonly keyAccess: number
  readonly subcommands = new Map<string, Command>()
  readonly stats: CommandStats
  /** The name's bytes in upper case. */
  readonly name: Buffer

  /** @param nextId counts commands and subcommands */
  constructor(spec: CommandSpec, nextId: () => number, container?: string) {
    this.id = nextId()
    this.spec = spec
    this.fullName = container === undefined ? spec.name : `${container}|${spec.name}`
    this.name = Buffer.from(spec.name.toUpperCase(), 'latin1')
    this.run = spec.run
    this.arity = spec.arity
    const keys = spec.keys?.[0]
    this.firstKey = keys?.first ?? 0
    this.lastKey = keys?.last ?? 0
    this.keyStep = keys?.step ?? 0
    this.isRouted = !spec.isLocal && (keys !== undefined || spec.fanOut !== undefined)
    this.hasOneKey =
      keys !== undefined && keys.first === keys.last && spec.keys?.length === 1 && spec.findKeys === undefined
    this.isWrite = spec.flags.includes('write')
    this.usesGroup = keys !== undefined || this.isRouted || spec.categories.includes('keyspace')
    this.isForEveryNode = spec.tips?.some((tip) => FOR_EVERY_NODE.includes(tip)) ?? false
    this.loadsThrough = spec.load === 'through'
    this.mayUseCopy = this.loadsThrough && spec.hasCursor !== true
    this.mayWait = spec.flags.includes('blocking')
    this.needsNoAuth = spec.flags.includes('no_auth')
    this.isForPeers = spec.isForPeers === true
    this.categories = spec.categories
    this.worksOnGroups = this.usesGroup || spec.groups !== undefined
    this.keyAccesses = (spec.keys ?? []).map(({ flags }) => accessOf(flags))
    this.keyAccess =
      spec.findKeyFlags === undefined
        ? this.keyAccesses.reduce((all, access) => all | access, 0)
        : accessOf(spec.findKeyFlags(WITHOUT_OPTIONS, this.firstKey))
    this.isShown = !spec.flags.includes('admin') && !spec.flags.includes('skip_monitor')
    this.stats = new CommandStats(this.fullName, {
      isTimed: !QUICK.test(spec.complexity),
      isFast: spec.flags.includes('fast'),
      skipsSlowLog: spec.flags.includes('skip_slowlog'),
    })
    for (const sub of spec.subcommands ?? [])
      this.subcommands.set(sub.name, new Command(sub, nextId, spec.name))
  }

  /** Whether `count` arguments (the name included) satisfy the arity. */
  accepts(count: number): boolean {
    return this.arity < 0 ? count >= -this.arity : count === this.arity
  }

  /**
   * Whether a call may be slow, and is timed individually: that costs more than a read of one element. Commands with
   * Redis's flag `fast` are quick unless they are given much, or a count.
   */
  isTimed({ count }: Args): boolean {
    const { isFast, isTimed } = this.stats
    return count > MANY_ARGUMENTS || (isTimed && (count > 2 || !isFast))
  }

  /** Whether all its keys are loaded before it runs. */
  loadsFirst(args: Args): boolean {
    const { load } = this.spec
    return (typeof load === 'function' ? load(args) : load) === 'first'
  }

  /** The positions of the keys among the arguments; with `thatItReads`, not of those that it only overwrites. */
  keysOf(context: Context, thatItReads = false): number[] {
    if (this.spec.findKeys !== undefined) return this.spec.findKeys(context, thatItReads)
    const positions: number[] = []
    for (const keys of this.spec.keys ?? []) {
      if (thatItReads && keys.flags.includes('OW')) continue
      const last = keys.last < 0 ? context.args.count + keys.last : keys.last
      for (let i = keys.first; i <= last && i < context.args.count; i += keys.step) positions.push(i)
    }
    return positions
  }

  /** How these arguments use the key in argument `i`. */
  keyFlagsOf(args: Args, i: number): readonly KeyFlag[] {
    const { findKeyFlags, keys = [] } = this.spec
    return findKeyFlags?.(args, i) ?? (keys.find((keySpec) => mayContain(keySpec, i)) ?? keys[0]).flags
  }

  /** The same as a sum of `READ` and `WRITE`. */
  keyAccessOf(args: Args, i: number): number {
    const { findKeyFlags, keys = [] } = this.spec
    if (findKeyFlags !== undefined) return accessOf(findKeyFlags(args, i))
    for (let k = 0; k < keys.length; k++) if (mayContain(keys[k], i)) return this.keyAccesses[k]
    return this.keyAccess
  }

  /** How the replies of all nodes are merged; undefined: it is not sent to all nodes. */
  fanOutOf(args: Args): FanOut | undefined {
    const { fanOut } = this.spec
    return typeof fanOut === 'function' ? fanOut(args) : fanOut
  }

  /** Whether it is safe to retry when its outcome is unknown. */
  isRepeatable(args: Args): boolean {
    const { repeatable } = this.spec
    if (typeof repeatable === 'function') return repeatable(args)
    return !this.isWrite || repeatable === true
  }

  secretsOf(args: Args): readonly number[] {
    return this.spec.secrets?.(args) ?? NONE
  }
}

const NONE: readonly number[] = []
const WITHOUT_OPTIONS = new Args(0)

/** Whether argument `i`, which is a key, may be one of a key specification. */
function mayContain({ first, last, counted, keyword, unknown }: KeySpec, i: number): boolean {
  if (unknown) return false
  if (counted || keyword !== undefined) return i > first
  return i >= first && (last < 0 || i <= last)
}

/** Redis: `ACLSelectorCheckKey`. */
function accessOf(flags: readonly KeyFlag[]): number {
  const isWritten = flags.includes('insert') || flags.includes('update') || flags.includes('delete')
  return (flags.includes('access') ? READ : 0) | (isWritten ? WRITE : 0)
}
