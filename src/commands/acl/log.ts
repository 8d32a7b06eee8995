// ACL LOG: lists the latest refusals, or clears the list.

import type { LogEntry } from '../../access/log.ts'
import { readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'
import { wrongSubcommand } from '../spec/errors.ts'
import { replyObject } from '../spec/fields.ts'

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
  const fields = {
    count: entry.count,
    reason: entry.reason,
    context: entry.context,
    object: Buffer.from(entry.object, 'latin1'),
    username: Buffer.from(entry.username, 'latin1'),
    ageSeconds: (instant.now - entry.updatedAt) / 1000,
    clientInfo: entry.clientInfo,
    entryId: entry.id,
    timestampCreated: entry.createdAt,
    timestampLastUpdated: entry.updatedAt,
  }
  replyObject(reply, fields, ['ageSeconds'])
}
