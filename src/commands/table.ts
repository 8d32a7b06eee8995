// The command table: finds a command by the bytes of its name, without making a string.

import type { Args } from '../resp/args.ts'
import type { CommandSpec, Span } from './command.ts'
import type { Context } from './context.ts'
import type { CommandTraits } from './host.ts'
import { CommandStats } from './telemetry.ts'

/** A command ready to run: what the executor asks at every call, as plain fields. */
export class Command implements CommandTraits {
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
  /** Whether it is a read that loads what it misses. */
  readonly loadsThrough: boolean
  readonly needsNoAuth: boolean
  /** Whether MONITOR shows it. */
  readonly isShown: boolean
  readonly subcommands = new Map<string, Command>()
  readonly stats: CommandStats
  /** The name's bytes in upper case. */
  readonly name: Buffer

  constructor(spec: CommandSpec, container?: string) {
    this.spec = spec
    this.fullName = container === undefined ? spec.name : `${container}|${spec.name}`
    this.name = Buffer.from(spec.name.toUpperCase(), 'latin1')
    this.run = spec.run
    this.arity = spec.arity
    const keys = spec.keys?.[0]
    this.firstKey = keys?.first ?? 0
    this.lastKey = keys?.last ?? 0
    this.keyStep = keys?.step ?? 0
    this.isRouted = !spec.stays && (keys !== undefined || spec.span !== undefined)
    this.hasOneKey =
      keys !== undefined && keys.first === keys.last && spec.keys?.length === 1 && spec.findKeys === undefined
    this.isWrite = spec.flags.includes('write')
    this.loadsThrough = spec.load === 'through'
    this.needsNoAuth = spec.flags.includes('no_auth')
    this.isShown = !spec.flags.includes('admin') && !spec.flags.includes('skip_monitor')
    this.stats = new CommandStats(this.fullName, {
      isTimed: !spec.complexity.startsWith('O(1)'),
      isFast: spec.flags.includes('fast'),
      skipsSlowLog: spec.flags.includes('skip_slowlog'),
    })
    for (const sub of spec.subcommands ?? []) this.subcommands.set(sub.name, new Command(sub, spec.name))
  }

  /** Whether `count` arguments (the name included) satisfy the arity. */
  accepts(count: number): boolean {
    return this.arity < 0 ? count >= -this.arity : count === this.arity
  }

  /** Whether all its keys are loaded before it runs. */
  loadsFirst(args: Args): boolean {
    const { load } = this.spec
    return (typeof load === 'function' ? load(args) : load) === 'first'
  }

  /** The positions of the keys among the arguments. */
  keysOf(context: Context): number[] {
    if (this.spec.findKeys !== undefined) return this.spec.findKeys(context)
    const positions: number[] = []
    for (const keys of this.spec.keys ?? []) {
      const last = keys.last < 0 ? context.args.count + keys.last : keys.last
      for (let i = keys.first; i <= last && i < context.args.count; i += keys.step) positions.push(i)
    }
    return positions
  }

  /** How it is put together from the replies of all nodes; undefined: it is not asked of all. */
  spanOf(args: Args): Span | undefined {
    const { span } = this.spec
    return typeof span === 'function' ? span(args) : span
  }

  /** Whether it can be run once more when nobody knows whether it was. */
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

const SLOTS = 2048

export class CommandTable {
  readonly all: readonly Command[]
  #latest: Command | undefined
  readonly #slots: (Command | undefined)[] = new Array(SLOTS).fill(undefined)

  constructor(specs: readonly CommandSpec[]) {
    this.all = specs.map((spec) => new Command(spec))
    for (const command of this.all) {
      let at = hashName(command.name, 0, command.name.length)
      while (this.#slots[at] !== undefined) {
        if (this.#slots[at]?.fullName === command.fullName)
          throw new Error(`command ${command.fullName} is defined twice`)
        at = (at + 1) & (SLOTS - 1)
      }
      this.#slots[at] = command
    }
  }

  /** The command that argument `i` names, in any case. */
  find(args: Args, i: number): Command | undefined {
    const { buf } = args
    const start = args.start[i]
    const end = args.end[i]
    // A pipeline mostly repeats one command.
    const latest = this.#latest
    if (latest !== undefined && isNamed(latest.name, buf, start, end)) return latest
    for (let at = hashName(buf, start, end); ; at = (at + 1) & (SLOTS - 1)) {
      const command = this.#slots[at]
      if (command === undefined) return undefined
      if (isNamed(command.name, buf, start, end)) {
        this.#latest = command
        return command
      }
    }
  }

  /** The command or subcommand of a request; `undefined`: there is none. */
  resolve(args: Args): Command | undefined {
    const command = this.find(args, 0)
    if (command === undefined || command.subcommands.size === 0 || args.count === 1) return command
    return command.subcommands.get(args.latin1(1, 64).toLowerCase())
  }

  /** The command or subcommand of a name in lower case: 'get', 'client|setname'. */
  byName(name: string): Command | undefined {
    const [container, sub] = name.split('|')
    const command = this.all.find((each) => each.fullName === container)
    return sub === undefined ? command : command?.subcommands.get(sub)
  }

  /** What is counted of every command and subcommand. */
  get stats(): CommandStats[] {
    return this.all.flatMap((command) => [
      command.stats,
      ...[...command.subcommands.values()].map((sub) => sub.stats),
    ])
  }
}

/** Letters hash alike in both cases; what else falls together is told apart by `isNamed`. */
function hashName(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let i = start; i < end && i < start + 16; i++) hash = (Math.imul(hash, 31) + (bytes[i] & 0xdf)) | 0
  return (hash ^ (hash >>> 11)) & (SLOTS - 1)
}

function isNamed(upper: Buffer, bytes: Uint8Array, start: number, end: number): boolean {
  if (upper.length !== end - start) return false
  for (let i = 0; i < upper.length; i++) {
    const byte = bytes[start + i]
    if ((byte >= 97 && byte <= 122 ? byte - 32 : byte) !== upper[i]) return false
  }
  return true
}
