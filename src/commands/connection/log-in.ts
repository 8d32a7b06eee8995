// Logs a client in: AUTH and HELLO AUTH. Logins from an address with many failed logins are delayed.

import type { Access } from '../../access/access.ts'
import { hostOf } from '../../access/login-delays.ts'
import { DEFAULT_USER } from '../../access/users.ts'
import { errorReply } from '../../resp/reply.ts'
import type { Client } from '../spec/client.ts'
import type { Context } from '../spec/context.ts'
import { CLIENT_GONE } from '../spec/errors.ts'
import { clientInfo } from './client-info.ts'

/**
 * Logs the context's client in, at once or after the delay of its address; later commands of the client wait
 * for it. A transaction cannot wait: a login that would be delayed fails there.
 *
 * @param nameAt position of the name; 0: the default user
 * @param answer writes the reply; it must not use the context's arguments
 */
export function logIn(c: Context, nameAt: number, passwordAt: number, answer: (isIn: boolean) => void): void {
  const { args, client, command, host, instant, reply } = c
  const attempt: Attempt = {
    client,
    name: nameAt === 0 ? DEFAULT_USER : args.latin1(nameAt),
    password: args.copy(passwordAt),
    object: args.latin1(0),
    context: c.inTransaction ? 'multi' : 'toplevel',
  }
  const { access } = host
  const wait = access.delays.waitOf(hostOf(client.address), instant.monotonicMs)
  if (wait === 0 || c.inTransaction) {
    answer(wait === 0 ? tryIt(c, access, attempt) : failed(c, access, attempt))
    return
  }
  const { protocol } = reply
  const complete = c.defer()
  client.pending.isExclusive = true
  c.group.environment.timers.after(wait, () => {
    client.pending.isExclusive = false
    if (client.isGone) {
      complete(errorReply(CLIENT_GONE))
      return
    }
    instant.refresh()
    reply.protocol = protocol
    answer(tryIt(c, access, attempt))
    host.telemetry.count(command.stats)
    complete(reply.take())
  })
}

interface Attempt {
  readonly client: Client
  /** With one character per byte. */
  readonly name: string
  readonly password: Buffer
  /** The command as it was written. */
  readonly object: string
  readonly context: 'toplevel' | 'multi'
}

function tryIt(c: Context, access: Access, attempt: Attempt): boolean {
  const { client, name, password } = attempt
  const user = access.authenticate(name, password)
  if (user === undefined) return failed(c, access, attempt)
  client.user = user
  client.authenticated = true
  return true
}

function failed(c: Context, access: Access, { client, name, object, context }: Attempt): false {
  const { instant, host } = c
  access.delays.failed(hostOf(client.address), instant.monotonicMs)
  const refused = {
    reason: 'auth',
    context,
    object,
    username: name,
    clientInfo: clientInfo(c, client),
  } as const
  access.log.add(refused, instant.now)
  host.loginFailed(client)
  return false
}
