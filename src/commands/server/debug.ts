// DEBUG: the subcommands that client test suites and operators use; none can damage data or end the process.

import { globMatch } from '../../bytes/glob.ts'
import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Group } from '../../group/group.ts'
import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES } from '../../store/record.ts'
import { runInSlices } from '../slices/sliced.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NO_SUCH_KEY, NOT_AN_INTEGER, tooLarge, wrongSubcommand } from '../spec/errors.ts'
import { encodingName } from '../spec/values/names.ts'
import { protocolTypes, writeProtocolType } from './debug-protocol.ts'

const NOT_ALLOWED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a ' +
  'local connection, otherwise you need to set this option in the configuration file, and then restart the server.'

/** The loopback addresses, also as IPv6 shows those of IPv4, and the paths of Unix sockets. */
const LOCAL = /^(\/|127\.|\[::1\]|\[::ffff:127\.)/

/** Longest suffix of a key: a colon and a number. */
const MAX_SUFFIX = 17

/** The most keys, and bytes of values, that DEBUG POPULATE creates in a step of a fraction of a millisecond. */
const STEP_KEYS = 200
const STEP_BYTES = 2 ** 20

const LRU_CLOCK_MASK = 0xffffff

interface DebugCommand {
  readonly syntax: string
  readonly help: readonly string[]
  /** Counts DEBUG and the subcommand's name. */
  readonly count: readonly [min: number, max: number]
  run(c: Context): void
}

const ok = ({ reply }: Context): void => reply.ok()

/** By name, in upper case. */
const debugSubcommands: ReadonlyMap<string, DebugCommand> = new Map([
  ['CHANGE-REPL-ID', { syntax: '', help: ['Nothing: there is no replication.'], count: [2, 2], run: ok }],
  [
    'ERROR',
    {
      syntax: '<string>',
      help: ['Reply with <string> as an error, for the tests of clients.'],
      count: [3, 3],
      run: ({ args, reply }) => reply.error(args.latin1(2), 'latin1'),
    },
  ],
  [
    'JMAP',
    {
      syntax: '',
      help: ['Refused: it would write the whole memory to disk.'],
      count: [2, 2],
      run: ({ reply }) => reply.error('ERR DEBUG JMAP is not supported'),
    },
  ],
  [
    'LOG',
    { syntax: '<message>', help: ['Nothing: clients do not write to the log.'], count: [3, 3], run: ok },
  ],
  [
    'OBJECT',
    {
      syntax: '<key>',
      help: ['Show low level information about a key and its value.'],
      count: [3, 4],
      run: describeKey,
    },
  ],
  [
    'POPULATE',
    {
      syntax: '<count> [<prefix>] [<size>]',
      help: ['Create <count> string keys named key:<number>, or <prefix>:<number>.'],
      count: [3, 5],
      run: populate,
    },
  ],
  [
    'PROTOCOL',
    {
      syntax: '<type>',
      help: [`Reply with a test value of a type: ${protocolTypes.join(', ')}.`],
      count: [3, 3],
      run: writeProtocolType,
    },
  ],
  [
    'QUICKLIST-PACKED-THRESHOLD',
    { syntax: '<size>', help: ['Nothing: there are no quicklists.'], count: [3, 3], run: ok },
  ],
  [
    'REPLYBUFFER',
    {
      syntax: '<PEAK-RESET-TIME <NEVER|RESET|time> | RESIZING <0|1>>',
      help: ['Nothing: replies are written into shared pages.'],
      count: [4, 4],
      run: replyBuffer,
    },
  ],
  [
    'SET-ACTIVE-EXPIRE',
    {
      syntax: '<0|1>',
      help: ['With 0, expired keys are reclaimed only when they are accessed.'],
      count: [3, 3],
      run({ args, host, reply }) {
        host.activeExpiry = Number.parseInt(args.latin1(2), 10) > 0
        reply.ok()
      },
    },
  ],
  [
    'SLEEP',
    {
      syntax: '<seconds>',
      help: ['Stop the server for <seconds>. Decimals allowed.'],
      count: [3, 3],
      run: sleep,
    },
  ],
  [
    'STRINGMATCH-LEN',
    {
      syntax: '<pattern> <string>',
      help: ['Whether the string matches the pattern, as KEYS would find it.'],
      count: [4, 4],
      run({ args, reply }) {
        const { buf, start, end } = args
        reply.integer(globMatch(buf, start[2], end[2], buf, start[3], end[3]) ? 1 : 0)
      },
    },
  ],
])

export const debugCommands: readonly CommandSpec[] = [
  {
    name: 'debug',
    arity: -2,
    flags: ['admin', 'noscript', 'loading', 'stale', 'protected'],
    categories: ['admin', 'slow', 'dangerous'],
    wholeKeyspace: true,
    // OBJECT and POPULATE name keys of it.
    groups: (_, selected) => [selected],
    isSystem: true,
    summary: 'A container for debugging commands.',
    since: '1.0.0',
    group: 'server',
    complexity: 'Depends on subcommand.',
    run: debug,
  },
]

/** In Redis too, DEBUG has no subcommands in the command table. */
function debug(c: Context): void {
  const { args, client, reply } = c
  const name = args.latin1(1)
  const command = debugSubcommands.get(name.toUpperCase())
  if (!LOCAL.test(client.address)) reply.error(NOT_ALLOWED)
  else if (name.toUpperCase() === 'HELP' && args.count === 2) help(c)
  else if (command === undefined || args.count < command.count[0] || args.count > command.count[1])
    reply.error(wrongSubcommand('DEBUG', name), 'latin1')
  else command.run(c)
}

function help({ reply }: Context): void {
  const lines = [...debugSubcommands].flatMap(([name, { syntax, help: text }]) => [
    `${name} ${syntax}`.trim(),
    ...text.map((line) => `    ${line}`),
  ])
  reply.array(lines.length + 3)
  reply.simple('DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:')
  for (const line of lines) reply.simple(line)
  reply.simple('HELP')
  reply.simple('    Prints this help.')
}

function describeKey(c: Context): void {
  const { instant, reply, store } = c
  const ref = c.peek(2)
  if (ref === NULL_REF) {
    reply.error(NO_SUCH_KEY)
    return
  }
  const idle = store.idleSeconds(ref)
  const accessed = (Math.floor(instant.now / 1000) - idle) & LRU_CLOCK_MASK
  const fields = [
    `Value at:0x${ref.toString(16).padStart(12, '0')}`,
    'refcount:1',
    `encoding:${encodingName(store, ref)}`,
    `serializedlength:${store.valueLength(ref) + 1}`,
    `lru:${accessed}`,
    `lru_seconds_idle:${idle}`,
  ]
  reply.simple(fields.join(' '))
}

/** DEBUG POPULATE leaves existing keys unchanged. */
function populate(c: Context): void {
  const { args, group, reply } = c
  const count = parseInteger(args.buf, args.start[2], args.end[2])
  const size = args.count > 4 ? parseInteger(args.buf, args.start[4], args.end[4]) : 0
  if (!(count >= 0) || !(size >= 0)) {
    reply.error('ERR value is out of range, must be positive')
    return
  }
  const prefix = args.count > 3 ? args.copy(3) : Buffer.from('key')
  if (!c.store.fits(prefix.length + MAX_SUFFIX, size, EXPIRES)) {
    reply.error(tooLarge(c.store.maxBytes))
    return
  }
  const perStep = Math.max(1, Math.min(STEP_KEYS, Math.floor(STEP_BYTES / (size + 1))))
  let i = 0
  const step = (): boolean => {
    for (const end = Math.min(count, i + perStep); i < end; i++) createKey(group, prefix, i, size)
    return i === count
  }
  if (count <= perStep) {
    step()
    reply.ok()
  } else runInSlices(c, { step, answer: () => reply.ok() })
}

function createKey(group: Group, prefix: Buffer, i: number, size: number): void {
  const key = Buffer.concat([prefix, Buffer.from(`:${i}`)])
  if (group.store.peek(key, 0, key.length) !== NULL_REF) return
  const text = Buffer.from(`value:${i}`)
  const value = size === 0 ? text : Buffer.concat([text, Buffer.alloc(Math.max(0, size - text.length))], size)
  if (group.isWatched) group.fence(key, 0, key.length)
  group.set(key, 0, key.length, value, 0, value.length, 0)
}

function replyBuffer({ args, reply }: Context): void {
  const isNumber = !Number.isNaN(parseInteger(args.buf, args.start[3], args.end[3]))
  if (args.is(2, 'RESIZING') || (args.is(2, 'PEAK-RESET-TIME') && isNumber)) reply.ok()
  else if (args.is(2, 'PEAK-RESET-TIME') && (args.is(3, 'NEVER') || args.is(3, 'RESET'))) reply.ok()
  else if (args.is(2, 'PEAK-RESET-TIME')) reply.error(NOT_AN_INTEGER)
  else reply.error(wrongSubcommand('DEBUG', args.latin1(1)), 'latin1')
}

/** DEBUG SLEEP blocks the event loop on purpose. */
function sleep({ args, instant, reply }: Context): void {
  const seconds = Number.parseFloat(args.latin1(2))
  if (seconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000)
  instant.refresh()
  reply.ok()
}
