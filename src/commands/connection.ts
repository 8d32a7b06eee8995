// Commands about the connection itself.

import type { CommandSpec } from './command.ts'

export const connectionCommands: readonly CommandSpec[] = [
  {
    name: 'ping',
    arity: -1,
    flags: ['fast'],
    categories: ['fast', 'connection'],
    summary: "Returns the server's liveliness response.",
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    arguments: [{ name: 'message', type: 'string', optional: true }],
    run(c) {
      const { args } = c
      if (args.count > 2) c.reply.error("ERR wrong number of arguments for 'ping' command")
      else if (args.count === 2) c.reply.bulk(args.buf, args.start[1], args.end[1])
      else c.reply.simple('PONG')
    },
  },
]
