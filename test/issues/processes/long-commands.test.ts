// A node that lists or creates a million keys is not declared dead by the others, and no key is lost.

import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { agree } from '../../cluster/processes/members.ts'
import { Members } from '../../support/node-process.ts'
import { RespClient } from '../../support/resp-client.ts'

/** At once, their creation would take longer than the cluster's timeout (2 s by default). */
const CREATED = 1_500_000
const KEPT = 3000
const DEATH = /dropped|dead|silent|took over/
/** What a client asks for behind a list that it does not parse. */
const END = '$7\r\nthe-end\r\n'

let members: Members
afterEach(() => members.end())

/** Runs a command whose reply is too long to be parsed, in the group `cache`. Returns the reply's first line. */
async function run(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`SELECT cache\r\n${command}\r\nECHO the-end\r\n`)
  let head = ''
  let tail = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (head.length < END.length) head += chunk.toString('latin1', 0, 100)
    tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - END.length))).slice(-END.length)
    if (tail === END) break
  }
  socket.destroy()
  return head.split('\r\n')[1]
}

test('a million and a half keys are created and listed in a cluster', async () => {
  members = await Members.start(3, { args: ['--maxmemory', '1gb'] })
  const { nodes } = members
  await agree(nodes)
  const [busy, other] = nodes
  const reader = await RespClient.connect(other.port)
  await reader.call('SELECT', 'cache')
  const keys = Array.from({ length: KEPT }, (_, i) => `keep:${i}`)
  await reader.pipeline(...keys.map((key) => ['SET', key, 'x']))
  let isOver = false
  const work = (async () => {
    expect(await run(busy.port, `DEBUG POPULATE ${CREATED}`)).toBe('+OK')
    const lists = await Promise.all(
      ['KEYS *', 'KEYS key:*', 'KEYS *1'].map((command, i) => run(nodes[i].port, command)),
    )
    expect(lists.slice(0, 2)).toEqual([`*${CREATED + KEPT}`, `*${CREATED}`])
    expect(await run(busy.port, 'SCAN 0 COUNT 1000000000 MATCH nothing')).toBe('*2')
  })().finally(() => {
    isOver = true
  })
  for (let i = 0; !isOver; i = (i + 1) % KEPT) expect(await reader.call('GET', keys[i])).toBe('x')
  await work
  expect(await reader.pipeline(...keys.map((key) => ['GET', key]))).toEqual(keys.map(() => 'x'))
  for (const { log } of nodes) expect(log).not.toMatch(DEATH)
  reader.socket.destroy()
})
