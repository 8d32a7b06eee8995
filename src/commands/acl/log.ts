// ACL LOG: the latest refusals, or none of them any more.

import type { LogEntry } from '../../access/log.ts'
import { readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'
import { wrongSubcommand } from '../spec/errors.ts'
import { bulkBytes } from './text.ts'

const DEFAULT_COUNT = 10

export function showLog(c: Context): void {
  const { args, host, reply } = c
  const { log } = host.access
  if (args.count > 3) {
    reply.error(wrongSubcommand('ACL', args.latin1(1)), 'latin1')
    return
  }
  if (args.count === 3 && args.is(2, 'RESET')) {
    log.clear()
    reply.ok()
    return
  }
  const count = args.count === 3 ? readInteger(c, 2) : DEFAULT_COUNT
  if (Number.isNaN(count)) return
  const entries = log.entries.slice(0, Math.max(0, count))
  reply.array(entries.length)
  for (const entry of entries) showEntry(c, entry)
}

function showEntry({ instant, reply }: Context, entry: LogEntry): void {
  reply.map(10)
  reply.bulkText('count')
  reply.integer(entry.count)
  reply.bulkText('reason')
  reply.bulkText(entry.reason)
  reply.bulkText('context')
  reply.bulkText(entry.context)
  reply.bulkText('object')
  bulkBytes(reply, entry.object)
  reply.bulkText('username')
  bulkBytes(reply, entry.username)
  reply.bulkText('age-seconds')
  reply.double((instant.now - entry.updatedAt) / 1000)
  reply.bulkText('client-info')
  reply.bulkText(entry.clientInfo)
  reply.bulkText('entry-id')
  reply.integer(entry.id)
  reply.bulkText('timestamp-created')
  reply.integer(entry.createdAt)
  reply.bulkText('timestamp-last-updated')
  reply.integer(entry.updatedAt)
}
