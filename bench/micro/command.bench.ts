// Measures commands served from memory, from request bytes to reply bytes.

import { argsOf, Harness } from '../../test/support/harness.ts'
import { type Case, type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'command'

const REQUESTS = 1000
const ELEMENTS = 10_000

/** Cases that must not allocate. */
export const WITHOUT_GARBAGE = [
  'GET',
  'SET of 32 bytes',
  'SET with EX',
  'INCR',
  'GET by a limited user',
  'SET by a limited user',
  'HGET of 10,000 fields',
  'HSET of 10,000 fields',
  'SISMEMBER of 10,000 members',
  'ZSCORE of 10,000 members',
] as const

type Name = (typeof WITHOUT_GARBAGE)[number] | 'MGET of 10 keys' | 'HGETALL of 20 fields'

const COMMANDS: Readonly<Record<Name, (i: number) => string[]>> = {
  GET: (i) => ['GET', keyOf(i)],
  'SET of 32 bytes': (i) => ['SET', keyOf(i), 'x'.repeat(32)],
  'SET with EX': (i) => ['SET', keyOf(i), 'x'.repeat(32), 'EX', '100'],
  INCR: () => ['INCR', 'counter'],
  'GET by a limited user': (i) => ['GET', keyOf(i)],
  'SET by a limited user': (i) => ['SET', keyOf(i), 'x'.repeat(32)],
  'HGET of 10,000 fields': (i) => ['HGET', 'hash', elementOf(i)],
  'HSET of 10,000 fields': (i) => ['HSET', 'hash', elementOf(i), 'y'.repeat(32)],
  'SISMEMBER of 10,000 members': (i) => ['SISMEMBER', 'set', elementOf(i)],
  'ZSCORE of 10,000 members': (i) => ['ZSCORE', 'zset', elementOf(i)],
  'HGETALL of 20 fields': () => ['HGETALL', 'small'],
  'MGET of 10 keys': (i) => ['MGET', ...Array.from({ length: 10 }, (_, k) => keyOf(i + k))],
}

/** A command, a group and a key are to be checked. */
const LIMITED = ['-@all', '+@string', 'resetkeys', '~other:*', '%RW~key:*', '@group:cache'] as const

function keyOf(i: number): string {
  return `key:${String(i).padStart(12, '0')}`
}

/** Elements of the large collections, spread over them. */
function elementOf(i: number): string {
  return `element:${String((i * 7919) % ELEMENTS).padStart(12, '0')}`
}

async function fillCollections(client: Harness['client']): Promise<void> {
  const value = 'x'.repeat(32)
  for (let i = 0; i < ELEMENTS; i++) {
    await client.call('HSET', 'hash', elementOf(i), value)
    await client.call('SADD', 'set', elementOf(i))
    await client.call('ZADD', 'zset', String(i), elementOf(i))
  }
  for (let i = 0; i < 20; i++) await client.call('HSET', 'small', `field${i}`, value)
}

async function caseOf(command: Name): Promise<Case> {
  const { executor, client, reply } = new Harness()
  for (let i = 0; i < REQUESTS + 10; i++) await client.call('SET', keyOf(i), 'x'.repeat(32))
  if (/fields|members/.test(command)) await fillCollections(client)
  if (command.endsWith('by a limited user')) await client.call('ACL', 'SETUSER', 'default', ...LIMITED)
  const requests = Array.from({ length: REQUESTS }, (_, i) => argsOf(COMMANDS[command](i)))
  return {
    name: command,
    operations: REQUESTS,
    run: () => {
      for (const request of requests) executor.execute(client, request)
      reply.rewind(0)
    },
  }
}

export async function run(options: MeasureOptions): Promise<Row[]> {
  const names = Object.keys(COMMANDS) as Name[]
  return measure(await Promise.all(names.map(caseOf)), options)
}
