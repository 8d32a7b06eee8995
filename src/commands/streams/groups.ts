// XGROUP: consumer groups and their consumers.

import {
  type ConsumerGroup,
  createGroup,
  destroyGroup,
  findGroup,
  UNKNOWN_READS,
} from '../../store/types/stream/groups.ts'
import { MIN_ID } from '../../store/types/stream/id.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import { readInt64 } from '../spec/arguments.ts'
import type { CommandSpec, KeyFlag, KeySpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { wrongSubcommand } from '../spec/errors.ts'
import { arg, KEY, oneOf, option, token } from '../spec/shorthand.ts'
import { shown } from './group-lookup.ts'
import { FIRST, readId, readSpecial } from './ids.ts'
import { createStream, findStream, hasStreamRoom, settle } from './stream-value.ts'

const NO_KEY =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.'

interface GroupOptions {
  readonly makesStream: boolean
  readonly entriesRead: bigint
}

/** The options of CREATE and SETID. Undefined after an error reply. */
function readOptions(c: Context, isCreate: boolean): GroupOptions | undefined {
  const { args, reply } = c
  let makesStream = false
  let entriesRead = UNKNOWN_READS
  for (let i = 5; i < args.count; i++) {
    if (isCreate && args.is(i, 'MKSTREAM')) makesStream = true
    else if (args.is(i, 'ENTRIESREAD') && i + 1 < args.count) {
      i++
      const value = readInt64(c, i)
      if (value === undefined) return undefined
      if (value < UNKNOWN_READS) {
        reply.error('ERR value for ENTRIESREAD must be positive or -1')
        return undefined
      }
      entriesRead = value
    } else {
      reply.error(wrongSubcommand('XGROUP', args.latin1(1)), 'latin1')
      return undefined
    }
  }
  return { makesStream, entriesRead }
}

/** The stream of argument 2. Undefined after an error reply, also if the key does not exist. */
function requireStream(c: Context): Stream | undefined {
  const stream = findStream(c, 2)
  if (stream === null) c.reply.error(NO_KEY)
  return stream ?? undefined
}

/** The group of argument 3 in it. Undefined after an error reply. */
function requireGroup(c: Context, stream: Stream): ConsumerGroup | undefined {
  const group = findGroup(stream, c.args.copy(3))
  if (group === undefined) replyNoGroup(c)
  return group
}

export function replyNoGroup(c: Context): void {
  c.reply.error(`NOGROUP No such consumer group '${shown(c, 3)}' for key name '${shown(c, 2)}'`, 'latin1')
}

function create(c: Context): void {
  const { args, reply } = c
  const options = readOptions(c, true)
  if (options === undefined) return
  const found = findStream(c, 2)
  if (found === undefined) return
  if (found === null && !options.makesStream) {
    reply.error(NO_KEY)
    return
  }
  const id = args.is(4, '$') ? (found?.lastId ?? MIN_ID) : readId(c, 4, FIRST)
  if (id === undefined) return
  const name = args.copy(3)
  if (found !== null && findGroup(found, name) !== undefined) {
    reply.error('BUSYGROUP Consumer Group name already exists')
    return
  }
  if (!hasStreamRoom(c, found, 2, name.length, 1)) return
  const stream = found ?? createStream(c, 2)
  createGroup(stream, name, id, options.entriesRead)
  settle(c, stream, false)
  reply.ok()
}

function setId(c: Context): void {
  const { args, reply } = c
  const options = readOptions(c, false)
  if (options === undefined) return
  const stream = requireStream(c)
  const group = stream && requireGroup(c, stream)
  if (stream === undefined || group === undefined) return
  const id = args.is(4, '$') ? stream.lastId : (readSpecial(args, 4) ?? readId(c, 4, FIRST))
  if (id === undefined) return
  group.lastId = id
  group.entriesRead = options.entriesRead
  settle(c, stream, false)
  reply.ok()
}

function destroy(c: Context): void {
  const stream = requireStream(c)
  if (stream === undefined) return
  const group = findGroup(stream, c.args.copy(3))
  if (group !== undefined) {
    destroyGroup(stream, group)
    settle(c, stream, false)
  }
  c.reply.integer(group === undefined ? 0 : 1)
}

function createConsumer(c: Context): void {
  const { args, reply } = c
  const stream = requireStream(c)
  const group = stream && requireGroup(c, stream)
  if (stream === undefined || group === undefined) return
  const name = args.copy(4)
  if (group.consumer(name) !== undefined) reply.integer(0)
  else if (hasStreamRoom(c, stream, 2, name.length, 1)) {
    group.createConsumer(name, c.instant.now)
    settle(c, stream, false)
    reply.integer(1)
  }
}

function deleteConsumer(c: Context): void {
  const stream = requireStream(c)
  const group = stream && requireGroup(c, stream)
  if (stream === undefined || group === undefined) return
  const consumer = group.consumer(c.args.copy(4))
  c.reply.integer(consumer?.pending ?? 0)
  if (consumer === undefined) return
  group.deleteConsumer(consumer)
  settle(c, stream, false)
}

function keyAt2(...flags: readonly KeyFlag[]): readonly KeySpec[] {
  return [{ first: 2, last: 2, step: 1, flags }]
}

const SUBCOMMAND = {
  categories: ['write', 'stream', 'slow'],
  load: 'first',
  group: 'stream',
} as const satisfies Partial<CommandSpec>

const GROUP = arg('group', 'string')
const CONSUMER = arg('consumer', 'string')
const LAST_ID = oneOf('id-selector', [arg('id', 'string'), arg('new-id', 'pure-token', { token: '$' })])
const ENTRIES_READ = option('ENTRIESREAD', 'entries-read', 'integer', {
  display: 'entries-read',
  optional: true,
})

export const streamGroupCommands: readonly CommandSpec[] = [
  container({
    name: 'xgroup',
    flags: [],
    categories: ['slow'],
    helpSince: '5.0.0',
    helpCategories: ['stream', 'slow'],
    summary: 'A container for commands about consumer groups.',
    since: '5.0.0',
    group: 'stream',
    subcommands: [
      {
        name: 'create',
        ...SUBCOMMAND,
        arity: -5,
        flags: ['write', 'denyoom'],
        keys: keyAt2('RW', 'insert'),
        summary: 'Creates a consumer group, and with MKSTREAM the stream.',
        since: '5.0.0',
        complexity: 'O(1)',
        history: [['7.0.0', 'Added the `entries_read` named argument.']],
        arguments: [KEY, GROUP, LAST_ID, token('MKSTREAM', { optional: true }), ENTRIES_READ],
        run: create,
      },
      {
        name: 'createconsumer',
        ...SUBCOMMAND,
        arity: 5,
        flags: ['write', 'denyoom'],
        keys: keyAt2('RW', 'insert'),
        summary: 'Creates a consumer in a consumer group.',
        since: '6.2.0',
        complexity: 'O(1)',
        arguments: [KEY, GROUP, CONSUMER],
        run: createConsumer,
      },
      {
        name: 'delconsumer',
        ...SUBCOMMAND,
        arity: 5,
        flags: ['write'],
        keys: keyAt2('RW', 'delete'),
        summary:
          'Removes a consumer from a consumer group, and returns how many entries were pending for it.',
        since: '5.0.0',
        complexity: 'O(N) where N is the number of pending entries of the consumer.',
        arguments: [KEY, GROUP, CONSUMER],
        run: deleteConsumer,
      },
      {
        name: 'destroy',
        ...SUBCOMMAND,
        arity: 4,
        flags: ['write'],
        keys: keyAt2('RW', 'delete'),
        summary: 'Removes a consumer group.',
        since: '5.0.0',
        complexity: 'O(N) where N is the number of pending entries of the group.',
        arguments: [KEY, GROUP],
        run: destroy,
      },
      {
        name: 'setid',
        ...SUBCOMMAND,
        arity: -5,
        flags: ['write'],
        keys: keyAt2('RW', 'update'),
        summary: 'Sets the last delivered ID of a consumer group.',
        since: '5.0.0',
        complexity: 'O(1)',
        history: [['7.0.0', 'Added the optional `entries_read` argument.']],
        arguments: [KEY, GROUP, LAST_ID, ENTRIES_READ],
        run: setId,
      },
    ],
  }),
]
