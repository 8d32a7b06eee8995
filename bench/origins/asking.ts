// Requests a range of keys from a node or from the database, and measures every latency. Runs in its own process (`helper.ts`).

import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { countReplies, keyOf, open } from '../load.ts'
import { serveJobs } from './helper.ts'

/** The keys from `first` on, `count` of them, by each of the clients in the same order. */
export interface Ask {
  readonly first: number
  readonly count: number
  readonly of:
    | {
        readonly port: number
        /** The index of the group. */
        readonly group: number
        readonly clients: number
        readonly command: 'GET' | 'MGET'
        /** Keys in a pipeline or MGET; the next one is sent after the reply to the last. */
        readonly step: number
        /** The pause before the next one, ms; by default 0. */
        readonly pauseMs?: number
      }
    /** The query that is sent for each key over one connection. */
    | { readonly database: string; readonly query: string }
}

export interface Waits {
  readonly seconds: number
  /** Milliseconds from sending a pipeline or query to its last reply. */
  readonly waits: readonly number[]
}

/** Sends the request for the keys from `i` on; resolves with its reply. */
type Send = (i: number) => Promise<unknown>

serveJobs(async ({ first, count, of }: Ask): Promise<Waits> => {
  const isNode = 'port' in of
  const { step, pauseMs = 0 } = isNode ? of : { step: 1 }
  const sends: Send[] = []
  const close: (() => unknown)[] = []
  if (isNode) {
    for (let i = 0; i < of.clients; i++) {
      const socket = await open(of.port)
      const replies = countReplies(socket)
      socket.write(`SELECT ${of.group}\r\n`)
      await replies(1)
      sends.push((key) => {
        socket.write(requestFrom(key, of.command, step))
        // The head of an array counts as well.
        return replies(of.command === 'MGET' ? step + 1 : step)
      })
      close.push(() => socket.destroy())
    }
  } else {
    const client = new Client({ connectionString: of.database })
    await client.connect()
    const { query: text } = of
    sends.push((key) => client.query({ text, values: [keyOf(key)], rowMode: 'array' }))
    close.push(() => client.end())
  }
  const waits: number[] = []
  const began = performance.now()
  await Promise.all(
    sends.map(async (send) => {
      for (let key = first; key < first + count; key += step) {
        const sent = performance.now()
        await send(key)
        waits.push(performance.now() - sent)
        if (pauseMs > 0) await pause(pauseMs)
      }
    }),
  )
  const seconds = (performance.now() - began) / 1000
  for (const each of close) await each()
  return { seconds, waits }
})

function requestFrom(first: number, command: 'GET' | 'MGET', step: number): string {
  const keys = Array.from({ length: step }, (_, i) => `$16\r\n${keyOf(first + i)}\r\n`)
  return command === 'GET'
    ? keys.map((key) => `*2\r\n$3\r\nGET\r\n${key}`).join('')
    : `*${step + 1}\r\n$4\r\nMGET\r\n${keys.join('')}`
}
