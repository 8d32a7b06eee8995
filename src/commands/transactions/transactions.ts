// Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

import type { Client } from '../spec/client.ts'
import type { CommandSpec } from '../spec/command.ts'
import { arg, manyKeys } from '../spec/shorthand.ts'

/** Clients that do not read their replies must still be able to end a transaction while the node is busy. */
const FLAGS = ['noscript', 'loading', 'stale', 'fast', 'allow_busy'] as const
const CATEGORIES = ['fast', 'transaction'] as const

export const transactionCommands: readonly CommandSpec[] = [
  {
    name: 'multi',
    arity: 1,
    flags: FLAGS,
    categories: CATEGORIES,
    summary: 'Starts a transaction: the commands that follow are queued until EXEC.',
    since: '1.2.0',
    group: 'transactions',
    complexity: 'O(1)',
    run: (c) => c.transactions.multi(),
  },
  {
    name: 'exec',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    categories: ['slow', 'transaction'],
    // Its keys are those of the queued commands.
    wholeKeyspace: true,
    summary: 'Runs all commands queued since MULTI as one piece.',
    since: '1.2.0',
    group: 'transactions',
    complexity: 'Depends on commands in the transaction',
    run: (c) => c.transactions.exec(),
  },
  {
    name: 'discard',
    arity: 1,
    flags: FLAGS,
    categories: CATEGORIES,
    summary: 'Drops all commands queued since MULTI, and ends all watches of the client.',
    since: '2.0.0',
    group: 'transactions',
    complexity: 'O(N), when N is the number of queued commands',
    run({ client, reply }) {
      if (client.transaction === undefined) reply.error('ERR DISCARD without MULTI')
      else {
        discardTransaction(client)
        reply.ok()
      }
    },
  },
  {
    name: 'watch',
    arity: -2,
    flags: FLAGS,
    categories: CATEGORIES,
    keys: manyKeys(1, 'RO'),
    isLocal: true,
    summary: 'Watches keys: if one of them changes before EXEC, the transaction does not run.',
    since: '2.2.0',
    group: 'transactions',
    complexity: 'O(1) for every key.',
    arguments: [arg('key', 'key', { multiple: true })],
    run: (c) => c.transactions.watch(),
  },
  {
    name: 'unwatch',
    arity: 1,
    flags: FLAGS,
    categories: CATEGORIES,
    summary: 'Ends all watches of the client.',
    since: '2.2.0',
    group: 'transactions',
    complexity: 'O(1)',
    run({ client, reply }) {
      endWatch(client)
      reply.ok()
    },
  },
]

/** Drops the queued commands and the watches of a client: DISCARD, RESET, and when it disconnects. */
export function discardTransaction(client: Client): void {
  client.transaction = undefined
  endWatch(client)
  for (const watch of client.peerWatches?.values() ?? []) watch.release()
  client.peerWatches = undefined
}

function endWatch(client: Client): void {
  client.watch?.release()
  client.watch = undefined
}
