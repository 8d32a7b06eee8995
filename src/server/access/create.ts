// Creates the users of a server when it starts.

import { Access } from '../../access/access.ts'
import type { CommandCatalog } from '../../access/catalog.ts'
import { latin1 } from '../../access/text.ts'
import type { UserDefinition } from '../../access/users.ts'
import type { ServerSettings } from '../settings.ts'

type AccessSettings = Pick<ServerSettings, 'requirepass' | 'acllogMaxLen' | 'aclPubsubDefault'>

/**
 * @param users from the configuration, or from the file of users
 * @throws Error for an invalid rule
 */
export function createAccess(
  catalog: CommandCatalog,
  { requirepass, acllogMaxLen, aclPubsubDefault }: AccessSettings,
  users: readonly UserDefinition[] = [],
): Access {
  const access = new Access(catalog)
  access.log.maxLength = acllogMaxLen
  access.rules.allowsChannels = aclPubsubDefault === 'allchannels'
  access.users.setDefaultPassword(latin1(requirepass))
  const problem = users.length === 0 ? undefined : access.users.replaceAll(users)
  if (problem !== undefined) throw new Error(problem)
  return access
}
