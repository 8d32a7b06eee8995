// Whether a user may run a request: its command, its groups, its keys and how it uses them.

import { READ } from '../../access/catalog.ts'
import type { Selector } from '../../access/selector.ts'
import type { User } from '../../access/user.ts'
import type { Group } from '../../group/group.ts'
import type { KeySpec } from './command.ts'
import type { Context } from './context.ts'
import type { Command } from './ready-command.ts'

/** What a user lacks; the larger number is the one that is reported if selectors lack different things. */
export const ALLOWED = 0
export const NO_COMMAND = 1
export const NO_GROUP = 2
export const NO_KEY = 3
export type Verdict = typeof ALLOWED | typeof NO_COMMAND | typeof NO_GROUP | typeof NO_KEY

/*
 * A request is allowed if one selector of the user allows all of it; selectors do not complete each other. Allocates
 * nothing for a command whose keys are at fixed places and which uses the selected group.
 */

/** Checks requests. After a refusal it holds what was refused. */
export class PermissionCheck {
  /** The position of the key that may not be used, of the selector that came furthest. */
  keyAt = 0
  /** The group that may not be used. */
  group: Group | undefined
  #keyAt = 0

  /** Checks the context's request, which runs in `group`. */
  verdictOn(user: User, command: Command, c: Context, group: Group): Verdict {
    if (user.isUnlimited) return ALLOWED
    let worst: Verdict = NO_COMMAND
    this.keyAt = 0
    this.#keyAt = 0
    const { selectors } = user
    for (let i = 0; i < selectors.length; i++) {
      const verdict = this.#ofSelector(selectors[i], user, command, c, group)
      if (verdict === ALLOWED) return ALLOWED
      if (verdict < worst || (verdict === worst && this.#keyAt <= this.keyAt)) continue
      worst = verdict
      this.keyAt = this.#keyAt
    }
    return worst
  }

  /** Whether a selector allows the request, and every key to be read. */
  mayReadAny(user: User, command: Command, c: Context, group: Group): boolean {
    return user.selectors.some(
      (selector) =>
        selector.keys.allowsEvery(READ) && this.#ofSelector(selector, user, command, c, group) === ALLOWED,
    )
  }

  #ofSelector(selector: Selector, user: User, command: Command, c: Context, group: Group): Verdict {
    const { commands, keys } = selector
    if (!commands.allowsAll && !commands.allows(command.id) && !command.needsNoAuth) {
      const first = command.fullName.includes('|') ? 2 : 1
      const { buf, start, end, count } = c.args
      if (first >= count || !commands.allowsFirst(command.id, buf, start[first], end[first]))
        return NO_COMMAND
    }
    if (command.worksOnGroups && !this.#mayUseGroups(selector, user, command, c, group)) return NO_GROUP
    return keys.allowsAll || this.#mayUseKeys(selector, command, c) ? ALLOWED : NO_KEY
  }

  #mayUseGroups(selector: Selector, user: User, command: Command, c: Context, selected: Group): boolean {
    const rules = user.groupsOf(selector)
    if (rules === undefined) return true
    const { groups } = command.spec
    if (groups === undefined) {
      this.group = selected
      return rules.allows(selected.name)
    }
    this.group = groups(c, selected).find((group) => group !== undefined && !rules.allows(group.name))
    return this.group === undefined
  }

  #mayUseKeys({ keys }: Selector, command: Command, c: Context): boolean {
    const { spec } = command
    const { args } = c
    if (spec.findKeys !== undefined) {
      for (const i of spec.findKeys(c, false)) {
        if (keys.allows(args.buf, args.start[i], args.end[i], command.keyAccessOf(args, i))) continue
        this.#keyAt = i
        return false
      }
      return true
    }
    const { keys: specs = NONE } = spec
    for (let k = 0; k < specs.length; k++) {
      const { first, last, step } = specs[k]
      const end = last < 0 ? args.count + last : last
      for (let i = first; i <= end && i < args.count; i += step) {
        const access = spec.findKeyFlags === undefined ? command.keyAccesses[k] : command.keyAccessOf(args, i)
        if (keys.allows(args.buf, args.start[i], args.end[i], access)) continue
        this.#keyAt = i
        return false
      }
    }
    return true
  }
}

const NONE: readonly KeySpec[] = []
