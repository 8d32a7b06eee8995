// The command table: finds a command by the bytes of its name, without making a string.

import type { CommandCatalog } from '../access/catalog.ts'
import { allCommands } from '../commands/families.ts'
import type { CommandSpec } from '../commands/spec/command.ts'
import { Command } from '../commands/spec/ready-command.ts'
import type { Args } from '../resp/args.ts'
import type { CommandStats } from '../telemetry/telemetry.ts'

const SLOTS = 2048

export class CommandTable implements CommandCatalog {
  readonly all: readonly Command[]
  /** The number of commands and subcommands. */
  readonly size: number
  readonly #byName = new Map<string, Command>()
  #latest: Command | undefined
  readonly #slots: (Command | undefined)[] = new Array(SLOTS).fill(undefined)

  constructor(specs: readonly CommandSpec[]) {
    let size = 0
    this.all = specs.map((spec) => new Command(spec, () => size++))
    this.size = size
    for (const command of this.all) {
      let at = hashName(command.name, 0, command.name.length)
      while (this.#slots[at] !== undefined) {
        if (this.#slots[at]?.fullName === command.fullName)
          throw new Error(`command ${command.fullName} is defined twice`)
        at = (at + 1) & (SLOTS - 1)
      }
      this.#slots[at] = command
      for (const each of [command, ...command.subcommands.values()]) this.#byName.set(each.fullName, each)
    }
  }

  /** The command that argument `i` names, in any case. */
  find(args: Args, i: number): Command | undefined {
    const { buf } = args
    const start = args.start[i]
    const end = args.end[i]
    // Most pipelines repeat one command.
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
    return this.#byName.get(name)
  }

  /** The counters of every command and subcommand. */
  get stats(): CommandStats[] {
    return this.all.flatMap((command) => [
      command.stats,
      ...[...command.subcommands.values()].map((sub) => sub.stats),
    ])
  }
}

/** One table per node: it holds the node's call counters. */
export function createCommandTable(): CommandTable {
  const table: CommandTable = new CommandTable(allCommands(() => table))
  return table
}

/** Upper and lower case hash alike; `isNamed` resolves collisions. */
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
