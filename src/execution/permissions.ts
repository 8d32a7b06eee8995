// Checks whether clients' users may run their requests, at the node of the client, and logs refused requests (ACL LOG).

import type { Refused } from '../access/log.ts'
import { latin1 } from '../access/text.ts'
import { clientInfo } from '../commands/connection/client-info.ts'
import type { Client } from '../commands/spec/client.ts'
import type { Context } from '../commands/spec/context.ts'
import {
  ALLOWED,
  NO_COMMAND,
  NO_GROUP,
  NO_KEY,
  PermissionCheck,
  type Verdict,
} from '../commands/spec/permission.ts'
import type { Command } from '../commands/spec/ready-command.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'

/** The user was allowed to queue the command, and is not allowed to run it at EXEC (Redis: `execCommand`). */
const CHANGED =
  'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. ' +
  'This command is no longer allowed for the following reason: '

/** The reason at the end of `CHANGED`. */
const REASONS: Readonly<Record<Exclude<Verdict, typeof ALLOWED>, string>> = {
  [NO_COMMAND]: 'no permission to execute the command or subcommand',
  [NO_GROUP]: 'no permission to access the group',
  [NO_KEY]: 'no permission to touch the specified keys',
}

/** The same for a command whose group is not the selected one. */
export const CHANGED_GROUP = CHANGED + REASONS[NO_GROUP]

const LOGGED = { [NO_COMMAND]: 'command', [NO_GROUP]: 'group', [NO_KEY]: 'key' } as const

/** A blocking request that waits for its keys, at this node or at their owner. */
export interface WaitingRequest {
  readonly client: Client
  readonly command: Command
  readonly args: Args
  readonly group: Group
}

export class Permissions {
  readonly #context: Context
  readonly #check = new PermissionCheck()

  constructor(context: Context) {
    this.#context = context
  }

  /** The error for a client whose user may not run the context's request; `undefined`: it may. */
  refusalOf(client: Client, command: Command): string | undefined {
    const { transaction } = client
    const group = transaction?.selected ?? client.group
    const verdict = this.#verdictOn(client, command, group, transaction === undefined ? 'toplevel' : 'multi')
    return verdict === ALLOWED ? this.#optionRefusal(client, command, group) : this.#textOf(verdict, command)
  }

  /** The same for an option that reads keys which are not among the arguments (SORT BY, GET). */
  #optionRefusal(client: Client, command: Command, group: Group): string | undefined {
    const option = command.spec.readsAnyKey?.(this.#context.args)
    if (option === undefined || this.#check.mayReadAny(client.user, command, this.#context, group))
      return undefined
    return `ERR ${option} option of ${command.spec.name.toUpperCase()} denied due to insufficient ACL permissions.`
  }

  /** The same at EXEC, for a command that was queued. `group`: the group it runs in. */
  refusalAtExec(client: Client, command: Command, args: Args, group: Group): string | undefined {
    return this.#context.withArgs(args, () => {
      const verdict = this.#verdictOn(client, command, group, 'multi')
      return verdict === ALLOWED ? this.#optionRefusal(client, command, group) : CHANGED + REASONS[verdict]
    })
  }

  /** The same for a command that waits for its keys, after the permissions of its user have changed. */
  refusalOfWaiting({ client, command, args, group }: WaitingRequest): string | undefined {
    return this.#context.withArgs(args, () => {
      const verdict = this.#verdictOn(client, command, group, 'toplevel')
      return verdict === ALLOWED ? undefined : this.#textOf(verdict, command)
    })
  }

  #verdictOn(client: Client, command: Command, group: Group, where: Refused['context']): Verdict {
    const context = this.#context
    const { user } = client
    const verdict = this.#check.verdictOn(user, command, context, group)
    if (verdict === ALLOWED) return verdict
    const { access } = context.host
    const refused = {
      reason: LOGGED[verdict],
      context: where,
      object: this.#objectOf(verdict, command),
      username: user.name,
      clientInfo: clientInfo(context, client),
    }
    access.log.add(refused, context.instant.now)
    return verdict
  }

  /** The refused command, key or group for ACL LOG, one character per byte. */
  #objectOf(verdict: Exclude<Verdict, typeof ALLOWED>, command: Command): string {
    if (verdict === NO_COMMAND) return command.fullName
    if (verdict === NO_KEY) return this.#context.args.latin1(this.#check.keyAt)
    return latin1(this.#check.group?.name ?? '')
  }

  #textOf(verdict: Exclude<Verdict, typeof ALLOWED>, command: Command): string {
    if (verdict === NO_COMMAND)
      return `NOPERM this user has no permissions to run the '${command.fullName}' command`
    if (verdict === NO_KEY)
      return 'NOPERM this user has no permissions to access one of the keys used as arguments'
    return `NOPERM this user has no permissions to access the '${this.#check.group?.name}' group`
  }
}
