// MONITOR: streams every command that the node runs to a client.

import { quoted } from '../../bytes/ascii.ts'
import type { Args } from '../../resp/args.ts'
import type { CommandSpec } from '../spec/command.ts'

export const monitorCommands: readonly CommandSpec[] = [
  {
    name: 'monitor',
    arity: 1,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    categories: ['admin', 'slow', 'dangerous'],
    summary: 'Listens for all requests received by the server in real-time.',
    since: '1.0.0',
    group: 'server',
    complexity: '',
    run({ client, host, inTransaction, reply }) {
      if (inTransaction) {
        reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client")
        return
      }
      host.setMonitor(client, true)
      reply.ok()
    },
  },
]

const REDACTED = '"(redacted)"'

/** At most this many bytes of a request are shown: escaping may quadruple them, once per monitoring client. */
const MAX_SHOWN = 2 ** 20

/**
 * A command as MONITOR shows it: `+1700000000.123000 [0 127.0.0.1:50000] "get" "key"`.
 *
 * @param ms when, since the epoch
 * @param index of the client's group
 * @param secrets positions of arguments that are not shown
 */
export function monitorLine(
  ms: number,
  index: number,
  address: string,
  args: Args,
  secrets: readonly number[],
): Buffer {
  const micros = Math.floor((ms % 1000) * 1000)
  let line = `+${Math.floor(ms / 1000)}.${String(micros).padStart(6, '0')} [${index} ${address}]`
  let room = MAX_SHOWN
  for (let i = 0; i < args.count; i++) {
    if (room <= 0) {
      line += ` "... (${args.count - i} more arguments)"`
      break
    }
    line += ` ${secrets.includes(i) ? REDACTED : shown(args, i, room)}`
    room -= args.length(i) + 1
  }
  return Buffer.from(`${line}\r\n`, 'latin1')
}

/** An argument in quotes, cut like those of the slow log when it is longer than `room`. */
function shown({ buf, start, end }: Args, i: number, room: number): string {
  const excess = end[i] - start[i] - room
  if (excess <= 0) return quoted(buf, start[i], end[i])
  return `${quoted(buf, start[i], start[i] + room).slice(0, -1)}... (${excess} more bytes)"`
}
