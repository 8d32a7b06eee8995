// ACL CAT: the categories, and the commands of each.

import { CATEGORIES } from '../../access/categories.ts'
import type { CommandDirectory } from '../introspection/introspection.ts'
import type { Context } from '../spec/context.ts'
import { MAX_SHOWN, wrongSubcommand } from '../spec/errors.ts'

export function listCategories({ args, reply }: Context, { all }: CommandDirectory): void {
  if (args.count > 3) {
    reply.error(wrongSubcommand('ACL', args.latin1(1)), 'latin1')
    return
  }
  if (args.count === 2) {
    reply.array(CATEGORIES.length)
    for (const category of CATEGORIES) reply.bulkText(category)
    return
  }
  const category = args.latin1(2).toLowerCase()
  if (!CATEGORIES.some((each) => each === category)) {
    reply.error(`ERR Unknown category '${args.latin1(2, MAX_SHOWN)}'`, 'latin1')
    return
  }
  const commands = all
    .flatMap((command) => [command, ...command.subcommands.values()])
    .filter(({ spec }) => spec.categories.includes(category))
  reply.array(commands.length)
  for (const { fullName } of commands) reply.bulkText(fullName)
}
