// ACL DRYRUN: checks whether a user may run a command, without running it.

import { latin1 } from '../../access/text.ts'
import type { CommandDirectory } from '../introspection/introspection.ts'
import type { Context } from '../spec/context.ts'
import { wrongArguments } from '../spec/errors.ts'
import { NO_COMMAND, NO_GROUP, NO_KEY, PermissionCheck } from '../spec/permission.ts'
import { bulkBytes } from './text.ts'

const check = new PermissionCheck()

/** In the group that the caller has selected. */
export function dryRun(c: Context, directory: CommandDirectory): void {
  const { args, client, host, reply } = c
  const user = host.access.users.get(args.latin1(2))
  if (user === undefined) {
    reply.error(`ERR User '${args.latin1(2)}' not found`, 'latin1')
    return
  }
  const request = args.from(3)
  const command = directory.resolve(request)
  if (command === undefined) {
    reply.error(`ERR Command '${args.latin1(3)}' not found`, 'latin1')
    return
  }
  if (!command.accepts(request.count)) {
    reply.error(wrongArguments(command.fullName))
    return
  }
  const verdict = c.withArgs(request, () => check.verdictOn(user, command, c, client.group))
  const refuse = (text: string): void => bulkBytes(reply, `This user has no permissions to ${text}`)
  if (verdict === NO_COMMAND) refuse(`run the '${command.fullName}' command`)
  else if (verdict === NO_KEY) refuse(`access the '${request.latin1(check.keyAt)}' key`)
  else if (verdict === NO_GROUP) refuse(`access the '${latin1(check.group?.name ?? '')}' group`)
  else reply.ok()
}
