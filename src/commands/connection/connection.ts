// Commands about the connection itself: PING, ECHO, HELLO, AUTH, QUIT, RESET.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Args } from '../../resp/args.ts'
import { modeOf } from '../server/info-sections.ts'
import type { Client } from '../spec/client.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR, wrongArguments } from '../spec/errors.ts'
import { REDIS_VERSION } from '../spec/redis-version.ts'
import { arg, option } from '../spec/shorthand.ts'
import { discardTransaction } from '../transactions/transactions.ts'
import { isPlainName, NAME_ERROR } from './client-names.ts'
import { logIn } from './log-in.ts'

const WRONGPASS = 'WRONGPASS invalid username-password pair or user is disabled.'
const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?'
const HELLO_NOAUTH =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> ' +
  'AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol ' +
  'version at the same time'

/** Flags of commands that run before AUTH and while the node is busy. */
const HANDSHAKE = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'] as const

const FAST = ['fast', 'connection'] as const

export const connectionCommands: readonly CommandSpec[] = [
  {
    name: 'auth',
    arity: -2,
    flags: HANDSHAKE,
    categories: FAST,
    summary: 'Authenticates the connection.',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(N) where N is the number of passwords defined for the user',
    history: [['6.0.0', 'Added ACL style (username and password).']],
    arguments: [arg('username', 'string', { optional: true, since: '6.0.0' }), arg('password', 'string')],
    secrets: ({ count }) => (count === 2 ? [1] : [1, 2]),
    run: auth,
  },
  {
    name: 'echo',
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    categories: FAST,
    summary: 'Returns the given string.',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    arguments: [arg('message', 'string')],
    run: ({ args, reply }) => reply.bulk(args.buf, args.start[1], args.end[1]),
  },
  {
    name: 'hello',
    arity: -1,
    flags: HANDSHAKE,
    // Earlier pending replies stay in the protocol that was selected when their commands ran.
    wholeKeyspace: true,
    categories: FAST,
    summary: 'Handshakes with the Redis server.',
    since: '6.0.0',
    group: 'connection',
    complexity: 'O(1)',
    history: [
      [
        '6.2.0',
        "`protover` made optional; when called without arguments the command reports the current connection's context.",
      ],
    ],
    arguments: [
      arg('arguments', 'block', {
        optional: true,
        arguments: [
          arg('protover', 'integer'),
          option('AUTH', 'auth', 'block', {
            optional: true,
            arguments: [arg('username', 'string'), arg('password', 'string')],
          }),
          option('SETNAME', 'clientname', 'string', { optional: true }),
        ],
      }),
    ],
    secrets: helloSecrets,
    run: hello,
  },
  {
    name: 'ping',
    arity: -1,
    flags: ['fast'],
    categories: FAST,
    summary: "Returns the server's liveliness response.",
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    arguments: [arg('message', 'string', { optional: true })],
    run({ args, reply, command }) {
      if (args.count > 2) reply.error(wrongArguments(command.fullName))
      else if (args.count === 2) reply.bulk(args.buf, args.start[1], args.end[1])
      else reply.simple('PONG')
    },
  },
  {
    name: 'quit',
    arity: -1,
    flags: HANDSHAKE,
    categories: FAST,
    summary: 'Closes the connection.',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    deprecated: { since: '7.2.0', replacedBy: 'just closing the connection' },
    run({ client, reply }) {
      reply.ok()
      client.close(true)
    },
  },
  {
    name: 'reset',
    arity: 1,
    flags: HANDSHAKE,
    wholeKeyspace: true,
    categories: FAST,
    summary: 'Resets the connection.',
    since: '6.2.0',
    group: 'connection',
    complexity: 'O(1)',
    run: reset,
  },
]

function auth(c: Context): void {
  const { args, host, reply } = c
  if (args.count > 3) reply.error(SYNTAX_ERROR)
  else if (args.count === 2 && host.access.users.default.needsNoPassword) reply.error(NO_PASSWORD)
  else logIn(c, args.count - 2, args.count - 1, (isIn) => (isIn ? reply.ok() : reply.error(WRONGPASS)))
}

function hello(c: Context): void {
  const { args, client, reply } = c
  let version = 0
  if (args.count > 1) {
    version = parseInteger(args.buf, args.start[1], args.end[1])
    if (Number.isNaN(version)) {
      reply.error('ERR Protocol version is not an integer or out of range')
      return
    }
    if (version !== 2 && version !== 3) {
      reply.error('NOPROTO unsupported protocol version')
      return
    }
  }
  let user = 0
  let name = 0
  for (let i = 2; i < args.count; i++) {
    const left = args.count - 1 - i
    if (args.is(i, 'AUTH') && left >= 2) {
      user = i + 1
      i += 2
    } else if (args.is(i, 'SETNAME') && left >= 1) {
      name = ++i
      if (!isPlainName(args, name)) {
        reply.error(NAME_ERROR)
        return
      }
    } else {
      reply.error(`ERR Syntax error in HELLO option '${args.latin1(i)}'`, 'latin1')
      return
    }
  }
  const setName = name === 0 ? undefined : args.latin1(name)
  const answer = (): void => greet(c, client, version, setName)
  if (user === 0) answer()
  else logIn(c, user, user + 1, (isIn) => (isIn ? answer() : reply.error(WRONGPASS)))
}

/** Ends HELLO. `version` 0: the protocol stays. */
function greet({ host, reply }: Context, client: Client, version: number, name: string | undefined): void {
  if (!client.authenticated) {
    reply.error(HELLO_NOAUTH)
    return
  }
  if (name !== undefined) client.name = name
  if (version !== 0) {
    client.protocol = version as 2 | 3
    reply.protocol = client.protocol
  }
  reply.map(7)
  reply.bulkText('server')
  reply.bulkText('redis')
  reply.bulkText('version')
  reply.bulkText(REDIS_VERSION)
  reply.bulkText('proto')
  reply.integer(client.protocol)
  reply.bulkText('id')
  reply.integer(client.id)
  reply.bulkText('mode')
  reply.bulkText(modeOf(host))
  reply.bulkText('role')
  reply.bulkText('master')
  reply.bulkText('modules')
  reply.array(0)
}

/** Positions of the user and the password after AUTH. */
function helloSecrets(args: Args): readonly number[] {
  for (let i = 2; i + 2 < args.count; i++) if (args.is(i, 'AUTH')) return [i + 1, i + 2]
  return []
}

function reset(c: Context): void {
  const { client, host, reply } = c
  host.setMonitor(client, false)
  client.group = host.groups[0]
  client.name = ''
  client.protocol = 2
  client.replyMode = 'on'
  client.noTouch = false
  client.noEvict = false
  client.asking = false
  client.asksEveryNode = false
  discardTransaction(client)
  client.user = host.access.users.default
  client.authenticated = client.user.isOpen
  reply.protocol = 2
  reply.simple('RESET')
}
