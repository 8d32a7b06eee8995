// WAIT and WAITAOF, as a server without replicas and without an append-only file answers them.

import { ValueType } from '../../store/record.ts'
import { readInteger, readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { readTimeoutMs } from '../spec/session/timeout.ts'
import { arg } from '../spec/shorthand.ts'

const NO_AOF = 'ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.'
const NOT_LOCAL = 'ERR value is out of range, value must between 0 and 1'

/** Waits for acknowledgements that never come, then replies. */
function waitInVain(c: Context, timeoutMs: number, answer: (c: Context) => void): void {
  c.waitForKeys({ keys: [], type: ValueType.STRING, timeoutMs, serve: () => false, timedOut: answer })
}

function waitForReplicas(c: Context): void {
  const replicas = readInteger(c, 1)
  if (Number.isNaN(replicas)) return
  const timeoutMs = readTimeoutMs(c, 2)
  if (timeoutMs < 0) return
  const answer = ({ reply }: Context): void => reply.integer(0)
  if (replicas <= 0) answer(c)
  else waitInVain(c, timeoutMs, answer)
}

function waitForFile(c: Context): void {
  const local = readInteger(c, 1)
  if (Number.isNaN(local)) return
  if (local !== 0 && local !== 1) {
    c.reply.error(NOT_LOCAL)
    return
  }
  const replicas = readPositive(c, 2)
  if (Number.isNaN(replicas)) return
  const timeoutMs = readTimeoutMs(c, 3)
  if (timeoutMs < 0) return
  if (local === 1) {
    c.reply.error(NO_AOF)
    return
  }
  const answer = ({ reply }: Context): void => {
    reply.array(2)
    reply.integer(0)
    reply.integer(0)
  }
  if (replicas === 0) answer(c)
  else waitInVain(c, timeoutMs, answer)
}

const WAITING = {
  flags: ['noscript', 'blocking'],
  categories: ['slow', 'blocking', 'connection'],
  group: 'generic',
  complexity: 'O(1)',
} as const satisfies Partial<CommandSpec>

const REPLICAS = arg('numreplicas', 'integer')
const TIMEOUT = arg('timeout', 'integer')

export const replicationCommands: readonly CommandSpec[] = [
  {
    ...WAITING,
    name: 'wait',
    arity: 3,
    summary:
      'Waits for replicas to have the writes of the connection. There are none: replies 0 after the timeout.',
    since: '3.0.0',
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    arguments: [REPLICAS, TIMEOUT],
    run: waitForReplicas,
  },
  {
    ...WAITING,
    name: 'waitaof',
    arity: 4,
    summary:
      'Waits for writes to reach the disk here and at replicas. There is neither: replies 0 and 0 after the timeout.',
    since: '7.2.0',
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    arguments: [arg('numlocal', 'integer'), REPLICAS, TIMEOUT],
    run: waitForFile,
  },
]
