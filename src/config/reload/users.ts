// The users of a node as a part that applies a changed configuration, or a changed file of users.

import type { UserDefinition, Users } from '../../access/users.ts'
import { ReloadError } from '../../commands/spec/host.ts'
import type { NodeConfig } from '../config.ts'
import { userLines } from './changes.ts'
import type { PreparedChange, Reloadable } from './reloadable.ts'

export class ReloadableUsers implements Reloadable {
  readonly #users: Users
  /** What the configuration, or its file of users, said last. ACL SETUSER changes users, but not this. */
  #present: readonly UserDefinition[]

  constructor(users: Users, present: readonly UserDefinition[]) {
    this.#users = users
    this.#present = present
  }

  /** Users that ACL commands have changed stay as they are until the configuration changes. */
  prepare({ users: next }: NodeConfig): PreparedChange {
    const lines = userLines(this.#present, next)
    return {
      lines,
      apply: () => {
        if (lines.length === 0) return
        const problem = this.#users.replaceAll(next)
        // The configuration was checked against the same commands.
        if (problem !== undefined) throw new ReloadError([problem])
        this.#present = next
      },
    }
  }
}
