// CLIENT: names, lists, pauses and closes connections, and turns their replies off.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { NOT_AN_INTEGER, SYNTAX_ERROR, wrongSubcommand } from '../spec/errors.ts'
import { arg, oneOf, option, token } from '../spec/shorthand.ts'
import { clientInfo, httpClientInfo } from './client-info.ts'
import { clientKill, clientType, HTTP_TYPE } from './client-kill.ts'
import { isPlainName, NAME_ERROR } from './client-names.ts'
import {
  clientKillArguments,
  clientKillHistory,
  clientListArguments,
  clientListHistory,
} from './clients-docs.ts'

/** Shared by most subcommands, and by those for operators. */
const COMMON = {
  flags: ['noscript', 'loading', 'stale'],
  categories: ['slow', 'connection'],
  group: 'connection',
  complexity: 'O(1)',
} as const
const ADMIN = {
  ...COMMON,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  categories: ['admin', 'slow', 'dangerous', 'connection'],
} as const

const ON_OFF: ArgumentSpec = oneOf('enabled', [token('ON'), token('OFF')])
const TO_ALL = ['request_policy:all_nodes', 'response_policy:all_succeeded']
const PER_CLIENT = 'O(N) where N is the number of client connections'

const subcommands: readonly CommandSpec[] = [
  {
    ...COMMON,
    name: 'getname',
    arity: 2,
    summary: 'Returns the name of the connection.',
    since: '2.6.9',
    run: ({ client, reply }) => (client.name === '' ? reply.null() : reply.bulkText(client.name)),
  },
  {
    ...COMMON,
    name: 'getredir',
    arity: 2,
    summary: "Returns the client ID to which the connection's tracking notifications are redirected.",
    since: '6.0.0',
    run: ({ reply }) => reply.integer(-1),
  },
  {
    ...COMMON,
    name: 'id',
    arity: 2,
    summary: 'Returns the unique client ID of the connection.',
    since: '5.0.0',
    run: ({ client, reply }) => reply.integer(client.id),
  },
  {
    ...COMMON,
    name: 'info',
    arity: 2,
    summary: 'Returns information about the connection.',
    since: '6.2.0',
    tips: ['nondeterministic_output'],
    run: (c) => c.reply.verbatim('txt', `${clientInfo(c, c.client)}\n`),
  },
  {
    ...ADMIN,
    name: 'kill',
    arity: -3,
    summary: 'Terminates open connections.',
    since: '2.4.0',
    complexity: PER_CLIENT,
    history: clientKillHistory,
    arguments: clientKillArguments,
    run: clientKill,
  },
  {
    ...ADMIN,
    name: 'list',
    arity: -2,
    summary: 'Lists open connections.',
    since: '2.4.0',
    complexity: PER_CLIENT,
    tips: ['nondeterministic_output'],
    history: clientListHistory,
    arguments: clientListArguments,
    run: list,
  },
  {
    ...ADMIN,
    name: 'no-evict',
    arity: 3,
    summary: 'Sets the client eviction mode of the connection.',
    since: '7.0.0',
    arguments: [ON_OFF],
    run: (c) => onOrOff(c, (on) => (c.client.noEvict = on)),
  },
  {
    ...COMMON,
    name: 'no-touch',
    arity: 3,
    summary: 'Controls whether commands sent by the client affect the LRU/LFU of accessed keys.',
    since: '7.2.0',
    arguments: [ON_OFF],
    run: (c) => onOrOff(c, (on) => (c.client.noTouch = on)),
  },
  {
    ...ADMIN,
    name: 'pause',
    arity: -3,
    summary: 'Suspends commands processing.',
    since: '3.0.0',
    history: [['6.2.0', '`CLIENT PAUSE WRITE` mode added along with the `mode` option.']],
    arguments: [
      arg('timeout', 'integer'),
      oneOf('mode', [token('WRITE'), token('ALL')], { optional: true, since: '6.2.0' }),
    ],
    run: pause,
  },
  {
    ...COMMON,
    name: 'reply',
    arity: 3,
    summary: 'Instructs the server whether to reply to commands.',
    since: '3.2.0',
    arguments: [oneOf('action', [token('ON'), token('OFF'), token('SKIP')])],
    run: replyMode,
  },
  {
    ...COMMON,
    name: 'setinfo',
    arity: 4,
    summary: 'Sets information specific to the client or connection.',
    since: '7.2.0',
    tips: TO_ALL,
    arguments: [
      oneOf('attr', [option('LIB-NAME', 'libname', 'string'), option('LIB-VER', 'libver', 'string')]),
    ],
    run: setInfo,
  },
  {
    ...COMMON,
    name: 'setname',
    arity: 3,
    summary: 'Sets the connection name.',
    since: '2.6.9',
    tips: TO_ALL,
    arguments: [arg('connection-name', 'string')],
    run({ args, client, reply }) {
      if (!isPlainName(args, 2)) {
        reply.error(NAME_ERROR)
        return
      }
      client.name = args.latin1(2)
      reply.ok()
    },
  },
  {
    ...COMMON,
    name: 'trackinginfo',
    arity: 2,
    summary: 'Returns information about server-assisted client-side caching for the connection.',
    since: '6.2.0',
    run: trackingInfo,
  },
  {
    ...ADMIN,
    name: 'unblock',
    arity: -3,
    summary: 'Unblocks a client blocked by a blocking command from a different connection.',
    since: '5.0.0',
    complexity: 'O(log N) where N is the number of client connections',
    arguments: [
      arg('client-id', 'integer'),
      oneOf('unblock-type', [token('TIMEOUT'), token('ERROR')], { optional: true }),
    ],
    run: unblock,
  },
  {
    ...ADMIN,
    name: 'unpause',
    arity: 2,
    summary: 'Resumes processing commands from paused clients.',
    since: '6.2.0',
    complexity: 'O(N) Where N is the number of paused clients',
    run({ host, reply }) {
      host.unpause()
      reply.ok()
    },
  },
]

export const clientCommands: readonly CommandSpec[] = [
  container({
    name: 'client',
    flags: [],
    categories: ['slow'],
    helpCategories: ['slow', 'connection'],
    summary: 'A container for client connection commands.',
    since: '2.4.0',
    helpSince: '5.0.0',
    group: 'connection',
    subcommands,
  }),
]

function onOrOff({ args, reply }: Context, set: (on: boolean) => void): void {
  const on = args.is(2, 'ON')
  if (!on && !args.is(2, 'OFF')) {
    reply.error(SYNTAX_ERROR)
    return
  }
  set(on)
  reply.ok()
}

function list(c: Context): void {
  const { args, host, reply } = c
  let clients = [...host.clients.values()]
  let httpClients = [...host.http.clients.values()]
  if (args.count === 4 && args.is(2, 'TYPE')) {
    const type = clientType(c, 3)
    if (type === undefined) return
    if (type !== 'normal') clients = []
    if (type !== HTTP_TYPE) httpClients = []
  } else if (args.count > 3 && args.is(2, 'ID')) {
    clients = []
    httpClients = []
    for (let i = 3; i < args.count; i++) {
      const id = parseInteger(args.buf, args.start[i], args.end[i])
      if (Number.isNaN(id)) {
        reply.error('ERR Invalid client ID')
        return
      }
      const client = host.clients.get(id)
      if (client !== undefined) clients.push(client)
      const httpClient = host.http.clients.get(id)
      if (httpClient !== undefined) httpClients.push(httpClient)
    }
  } else if (args.count !== 2) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const lines = [...clients.map((client) => clientInfo(c, client)), ...httpClients.map(httpClientInfo)]
  reply.verbatim('txt', lines.map((line) => `${line}\n`).join(''))
}

function pause({ args, host, instant, reply }: Context): void {
  if (args.count > 4) {
    reply.error(wrongSubcommand('CLIENT', args.latin1(1)), 'latin1')
    return
  }
  const writesOnly = args.count === 4 && args.is(3, 'WRITE')
  if (args.count === 4 && !writesOnly && !args.is(3, 'ALL')) {
    reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL')
    return
  }
  const ms = parseInteger(args.buf, args.start[2], args.end[2])
  if (Number.isNaN(ms)) {
    reply.error('ERR timeout is not an integer or out of range')
    return
  }
  if (ms < 0) {
    reply.error('ERR timeout is negative')
    return
  }
  host.pause(instant.now + ms, !writesOnly)
  reply.ok()
}

function replyMode({ args, client, reply }: Context): void {
  if (args.is(2, 'ON')) {
    client.replyMode = 'on'
    reply.ok()
  } else if (args.is(2, 'OFF')) {
    client.replyMode = 'off'
  } else if (args.is(2, 'SKIP')) {
    if (client.replyMode !== 'off') client.replyMode = 'skip-next'
  } else {
    reply.error(SYNTAX_ERROR)
  }
}

function setInfo({ args, client, reply }: Context): void {
  const isName = args.is(2, 'LIB-NAME')
  const attribute = args.latin1(2)
  if (!isName && !args.is(2, 'LIB-VER')) {
    reply.error(`ERR Unrecognized option '${attribute}'`, 'latin1')
  } else if (!isPlainName(args, 3)) {
    reply.error(`ERR ${attribute} cannot contain spaces, newlines or special characters.`)
  } else {
    if (isName) client.libName = args.latin1(3)
    else client.libVersion = args.latin1(3)
    reply.ok()
  }
}

/** Redis's reply where client-side caching is off, as it always is in this version. */
function trackingInfo({ reply }: Context): void {
  reply.map(3)
  reply.bulkText('flags')
  reply.set(1)
  reply.bulkText('off')
  reply.bulkText('redirect')
  reply.integer(-1)
  reply.bulkText('prefixes')
  reply.array(0)
}

function unblock({ args, host, reply }: Context): void {
  if (args.count > 4) {
    reply.error(wrongSubcommand('CLIENT', args.latin1(1)), 'latin1')
    return
  }
  if (args.count === 4 && !args.is(3, 'TIMEOUT') && !args.is(3, 'ERROR')) {
    reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
    return
  }
  const id = parseInteger(args.buf, args.start[2], args.end[2])
  if (Number.isNaN(id)) {
    reply.error(NOT_AN_INTEGER)
    return
  }
  const wait = host.clients.get(id)?.waits.get(0)
  wait?.unblock(args.count === 4 && args.is(3, 'ERROR'))
  reply.integer(wait === undefined ? 0 : 1)
}
