// ACL SETUSER, DELUSER, GETUSER, LIST, USERS, WHOAMI, LOAD and SAVE.

import type { Selector } from '../../access/selector.ts'
import { DEFAULT_USER } from '../../access/users.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import type { Context } from '../spec/context.ts'
import { bulkBytes } from './text.ts'

const NO_FILE =
  'ERR This Redis instance is not configured to use an ACL file. You may want to set aclfile, or to specify users in ' +
  'the configuration file (users).'

export function setUser({ args, host, reply }: Context): void {
  const rules = Array.from({ length: args.count - 3 }, (_, i) => args.latin1(i + 3))
  const problem = host.access.users.set(args.latin1(2), rules)
  if (problem === undefined) reply.ok()
  else reply.error(`ERR ${problem}`, 'latin1')
}

export function deleteUsers({ args, host, reply }: Context): void {
  const names = Array.from({ length: args.count - 2 }, (_, i) => args.latin1(i + 2))
  if (names.includes(DEFAULT_USER)) reply.error("ERR The 'default' user cannot be removed")
  else reply.integer(names.filter((name) => host.access.users.delete(name)).length)
}

export function listUsers({ host, reply }: Context): void {
  const { all } = host.access.users
  reply.array(all.length)
  for (const { line } of all) bulkBytes(reply, line)
}

export function listNames({ host, reply }: Context): void {
  const { all } = host.access.users
  reply.array(all.length)
  for (const { name } of all) bulkBytes(reply, name)
}

export function whoAmI({ client, reply }: Context): void {
  bulkBytes(reply, client.user.name)
}

export function loadUsers({ host, reply }: Context): void {
  end(reply, host.aclFile === undefined ? NO_FILE : host.aclFile.load())
}

export function saveUsers({ host, reply }: Context): void {
  end(reply, host.aclFile === undefined ? NO_FILE : host.aclFile.save())
}

function end(reply: ReplyWriter, error: string | undefined): void {
  if (error === undefined) reply.ok()
  else reply.error(error.startsWith('ERR ') ? error : `ERR ${error}`, 'latin1')
}

export function describeUser({ args, host, reply }: Context): void {
  const user = host.access.users.get(args.latin1(2))
  if (user === undefined) {
    reply.null()
    return
  }
  const { flags, passwords, root, selectors } = user
  const { hashes } = passwords
  reply.map(6 + groupFields(root))
  reply.bulkText('flags')
  reply.set(flags.length)
  for (const flag of flags) reply.bulkText(flag)
  reply.bulkText('passwords')
  reply.array(hashes.length)
  for (const hash of hashes) reply.bulkText(hash)
  describeRules(reply, root)
  reply.bulkText('selectors')
  reply.array(selectors.length - 1)
  for (const selector of selectors.slice(1)) {
    reply.map(3 + groupFields(selector))
    describeRules(reply, selector)
    describeGroups(reply, selector)
  }
  // Last: clients read the fields of Redis by their positions.
  describeGroups(reply, root)
}

function describeRules(reply: ReplyWriter, { commands, keys, channels }: Selector): void {
  reply.bulkText('commands')
  bulkBytes(reply, commands.text)
  reply.bulkText('keys')
  bulkBytes(reply, keys.text)
  reply.bulkText('channels')
  bulkBytes(reply, channels.text)
}

/** A field of Erinys, for users with a rule about groups. */
function groupFields({ groups }: Selector): number {
  return groups.isSet ? 1 : 0
}

function describeGroups(reply: ReplyWriter, { groups }: Selector): void {
  if (!groups.isSet) return
  reply.bulkText('groups')
  bulkBytes(reply, groups.text)
}
