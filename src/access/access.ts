// Authentication and authorization on a node, for every adapter: names and passwords, rights, and the log of refusals.

import type { CataloguedCommand, CommandCatalog } from './catalog.ts'
import { AccessLog, type Reason } from './log.ts'
import { LoginDelays } from './login-delays.ts'
import { passwordDigest } from './passwords.ts'
import type { RuleContext, Selector } from './selector.ts'
import type { User } from './user.ts'
import { Users } from './users.ts'

/** The first argument of a command; `undefined`: it has none. */
export type FirstArgument = Uint8Array | 'any' | undefined

export class Access {
  readonly users: Users
  readonly log = new AccessLog()
  readonly delays = new LoginDelays()
  readonly rules: RuleContext

  constructor(catalog: CommandCatalog) {
    this.rules = { catalog, allowsChannels: false }
    this.users = new Users(this.rules)
  }

  /**
   * The user of this name, if the password is one of its passwords; `undefined`: there is no such user, it is off, or the
   * password is wrong. An adapter waits before it calls this, for as long as `delays.waitOf` says, and tells `delays` of
   * a failure.
   *
   * @param name with one character per byte
   */
  authenticate(name: string, password: Uint8Array): User | undefined {
    const user = this.users.get(name)
    // Computed in any case: the time does not tell whether there is such a user.
    const digest = passwordDigest(password)
    if (user === undefined || !user.isEnabled) return undefined
    return user.needsNoPassword || user.passwords.match(digest) ? user : undefined
  }

  /**
   * The permission that a user lacks to run a command on a key of a group; `undefined`: it may. For adapters that
   * decide before there is a request; the executor checks every request itself.
   *
   * @param command its name in lower case, as COMMAND LIST shows it
   * @param group undefined: it is not about a group
   * @param first its first argument, for rules such as `+get|key`; `any`: what the executor will check
   */
  check(
    user: User,
    command: string,
    group: string | undefined,
    key?: Uint8Array,
    first?: FirstArgument,
  ): Reason | undefined {
    if (user.isUnlimited) return undefined
    const found = this.rules.catalog.byName(command)
    let lacks: Reason = 'command'
    for (const selector of user.selectors) {
      if (found === undefined || !(found.needsNoAuth || isAllowed(selector, found, first))) continue
      if (found.worksOnGroups && group !== undefined && user.groupsOf(selector)?.allows(group) === false) {
        if (lacks === 'command') lacks = 'group'
      } else if (key !== undefined && !selector.keys.allows(key, 0, key.length, found.keyAccess))
        lacks = 'key'
      else return undefined
    }
    return lacks
  }
}

function isAllowed({ commands }: Selector, { id }: CataloguedCommand, first: FirstArgument): boolean {
  if (commands.allows(id)) return true
  if (first === undefined) return false
  return first === 'any' ? commands.allowsSome(id) : commands.allowsFirst(id, first, 0, first.length)
}
