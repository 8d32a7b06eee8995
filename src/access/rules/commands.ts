// Which commands a selector allows: `+@all -flushall +config|get +select|0`.

import { equalsUpper } from '../../bytes/ascii.ts'
import type { CataloguedCommand, CommandCatalog } from '../catalog.ts'
import { CATEGORIES } from '../categories.ts'
import { ARGUMENT_OF_SUBCOMMAND, isWord, SYNTAX_ERROR, UNKNOWN_COMMAND } from './errors.ts'

/*
 * Rules are kept twice: as one bit for each command, for checks; and as they were written, to print them (as Redis 7.2).
 * A rule replaces earlier ones of the same name and of subcommands of that name. `+@all` and `-@all` replace all.
 */

export class CommandRules {
  /** Whether no rule forbids a command. */
  allowsAll = false
  /** Begins with `+@all`, so that it allows commands that do not exist yet, too. */
  #isSubtractive = false
  readonly #catalog: CommandCatalog
  /** By the ids of the commands. */
  readonly #bits: Uint32Array
  /** By the ids of commands that are allowed with some first arguments only; in upper case. */
  readonly #firstArguments = new Map<number, Set<string>>()
  /** Without '+' and '-', in order. */
  readonly #written = new Map<string, boolean>()

  constructor(catalog: CommandCatalog) {
    this.#catalog = catalog
    this.#bits = new Uint32Array((catalog.size + 31) >>> 5)
  }

  copy(): CommandRules {
    const copy = new CommandRules(this.#catalog)
    copy.allowsAll = this.allowsAll
    copy.#isSubtractive = this.#isSubtractive
    copy.#bits.set(this.#bits)
    for (const [id, words] of this.#firstArguments) copy.#firstArguments.set(id, new Set(words))
    for (const [rule, isAllowed] of this.#written) copy.#written.set(rule, isAllowed)
    return copy
  }

  allows(id: number): boolean {
    return (this.#bits[id >>> 5] & (1 << (id & 31))) !== 0
  }

  /** Whether a command that is not allowed in general is allowed with this first argument. */
  allowsFirst(id: number, buf: Uint8Array, start: number, end: number): boolean {
    const words = this.#firstArguments.get(id)
    if (words === undefined) return false
    for (const word of words) if (equalsUpper(buf, start, end, word)) return true
    return false
  }

  /** Whether a command is allowed at least with some first argument. */
  allowsSome(id: number): boolean {
    return this.#firstArguments.has(id) || this.allows(id)
  }

  /** `+@all` or `-@all`. */
  setAll(isAllowed: boolean): void {
    this.#bits.fill(isAllowed ? 0xffffffff : 0)
    this.allowsAll = isAllowed
    this.#isSubtractive = isAllowed
    this.#firstArguments.clear()
    this.#written.clear()
  }

  /** Applies a rule that begins with '+' or '-'. Returns why it is refused; `undefined`: it is applied. */
  apply(rule: string): string | undefined {
    const isAllowed = rule.startsWith('+')
    const name = rule.slice(1).toLowerCase()
    const commands = this.#commandsOf(name)
    if (commands === undefined) return isAllowed ? this.#applyFirstArgument(name) : UNKNOWN_COMMAND
    for (const { id } of commands) {
      const bit = 1 << (id & 31)
      if (isAllowed) this.#bits[id >>> 5] |= bit
      else this.#bits[id >>> 5] &= ~bit
      this.#firstArguments.delete(id)
    }
    this.#write(name, isAllowed, commands)
    return undefined
  }

  /** The commands and subcommands that a rule is about; `undefined`: none exist. */
  #commandsOf(name: string): readonly CataloguedCommand[] | undefined {
    if (!name.startsWith('@')) {
      const command = this.#catalog.byName(name)
      return command && withSubcommands(command)
    }
    const category = name.slice(1)
    if (!CATEGORIES.some((each) => each === category)) return undefined
    // One that has the category brings all its subcommands.
    return this.#catalog.all.flatMap((command) =>
      command.categories.includes(category)
        ? withSubcommands(command)
        : [...command.subcommands.values()].filter((sub) => sub.categories.includes(category)),
    )
  }

  /** `select|0`: a command that has no subcommands is allowed with this argument. */
  #applyFirstArgument(rule: string): string | undefined {
    const bar = rule.lastIndexOf('|')
    const [name, word] = [rule.slice(0, Math.max(0, bar)), rule.slice(bar + 1)]
    const command = this.#catalog.byName(name)
    if (command === undefined) return UNKNOWN_COMMAND
    if (name.includes('|')) return ARGUMENT_OF_SUBCOMMAND
    if (word === '' || !isWord(word)) return SYNTAX_ERROR
    if (command.subcommands.size !== 0) return UNKNOWN_COMMAND
    const words = this.#firstArguments.get(command.id) ?? new Set()
    this.#firstArguments.set(command.id, words.add(word.toUpperCase()))
    this.#write(rule, true, [command])
    return undefined
  }

  /** Records a rule, and removes earlier ones that it replaces. A rule without an effect is not recorded. */
  #write(name: string, isAllowed: boolean, commands: readonly CataloguedCommand[]): void {
    const earlier = [...this.#written]
    const left = earlier.filter(([each]) => each !== name && !each.startsWith(`${name}|`))
    // Without those, rules between them may have no effect any more: `+@keyspace -type +@keyspace`.
    if (left.length < earlier.length) {
      this.#written.clear()
      for (const [each, allows] of left) this.#record(each, allows, this.#touchedBy(each))
    }
    this.#record(name, isAllowed, commands)
    this.allowsAll = this.#isSubtractive && ![...this.#written.values()].includes(false)
  }

  #record(name: string, isAllowed: boolean, commands: readonly CataloguedCommand[]): void {
    if (isAllowed !== this.#isSubtractive || this.#isTouched(commands, !isAllowed))
      this.#written.set(name, isAllowed)
  }

  /** Whether a recorded rule allows, or forbids, one of these commands. */
  #isTouched(commands: readonly CataloguedCommand[], allows: boolean): boolean {
    const ids = new Set(commands.map(({ id }) => id))
    return [...this.#written].some(
      ([name, isAllowed]) => isAllowed === allows && this.#touchedBy(name).some(({ id }) => ids.has(id)),
    )
  }

  /** The commands that a recorded rule is about. */
  #touchedBy(name: string): readonly CataloguedCommand[] {
    return this.#commandsOf(name) ?? this.#commandsOf(name.slice(0, name.lastIndexOf('|'))) ?? []
  }

  /** The rules from which the same can be made again. */
  get text(): string {
    const rules = [...this.#written].map(([name, isAllowed]) => (isAllowed ? '+' : '-') + name)
    return [this.#isSubtractive ? '+@all' : '-@all', ...rules].join(' ')
  }
}

/** A rule for a container is one for each of its subcommands. */
function withSubcommands(command: CataloguedCommand): readonly CataloguedCommand[] {
  return [command, ...command.subcommands.values()]
}
