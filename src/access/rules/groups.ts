// Which groups a selector allows: `@group:scores @group:cache-*`. A rule of Erinys, not of Redis.

import { Glob } from '../../bytes/glob.ts'
import { isWord, patternAfterAll, SYNTAX_ERROR } from './errors.ts'

const PREFIX = '@group:'

/** The names of groups that were asked for are kept up to this number: an adapter may ask for any name. */
const MAX_KNOWN = 1000

/*
 * Without a rule about groups, a user may use every group, so that rules written for Redis mean what they mean there.
 * A further selector without one has the groups of the user itself: `+@read @group:cache (+set ~tmp:*)` opens no other
 * group. The first `@group:` of either begins an empty list; `resetgroups` does so, too.
 */

export class GroupRules {
  /** Whether there is a rule about groups. */
  isSet = false
  #allowsAll = false
  readonly #patterns = new Map<string, Glob>()
  /** Results by the group's name. */
  readonly #known = new Map<string, boolean>()

  copy(): GroupRules {
    const copy = new GroupRules()
    copy.isSet = this.isSet
    copy.#allowsAll = this.#allowsAll
    for (const [text, glob] of this.#patterns) copy.#patterns.set(text, glob)
    return copy
  }

  /** Whether a rule allows every group. */
  get allowsAll(): boolean {
    return this.#allowsAll
  }

  /** Whether the rules allow a group; there must be one. Allocates nothing when asked again. */
  allows(name: string): boolean {
    if (this.#allowsAll) return true
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const bytes = Buffer.from(name)
    let isAllowed = false
    for (const [text, glob] of this.#patterns)
      isAllowed ||= text === '*' || glob.matches(bytes, 0, bytes.length)
    if (this.#known.size < MAX_KNOWN) this.#known.set(name, isAllowed)
    return isAllowed
  }

  /** Forgets the rules. */
  clear(): void {
    this.setAll(false)
    this.isSet = false
  }

  setAll(isAllowed: boolean): void {
    this.isSet = true
    this.#allowsAll = isAllowed
    this.#patterns.clear()
    this.#known.clear()
  }

  /** Applies a rule that begins with '@'. Returns why it is refused; `undefined`: it is applied. */
  apply(rule: string): string | undefined {
    if (!rule.toLowerCase().startsWith(PREFIX)) return SYNTAX_ERROR
    if (this.#allowsAll) return patternAfterAll('groups')
    const text = rule.slice(PREFIX.length)
    if (text === '' || !isWord(text)) return SYNTAX_ERROR
    const bytes = Buffer.from(text, 'latin1')
    this.isSet = true
    this.#patterns.set(text, new Glob(bytes, 0, bytes.length))
    this.#known.clear()
    return undefined
  }

  /** Without `resetgroups`. */
  get text(): string {
    if (this.#allowsAll) return 'allgroups'
    return [...this.#patterns.keys()].map((text) => PREFIX + text).join(' ')
  }
}
