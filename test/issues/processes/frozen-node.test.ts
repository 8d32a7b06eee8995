// What waited in the sockets of a frozen node ran when it went on: old writes came after newer ones.

import { expect, onTestFinished, test } from 'vitest'
import { agree, keysOf, startMembers } from '../../cluster/processes/members.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'

const KEYS = 300

test('writes that other nodes had sent to a frozen owner do not run when it continues', async () => {
  const nodes = await startMembers(3, { args: ['--cluster-timeout', '4s'] })
  const [first, second, frozen] = nodes
  const keys = keysOf(
    frozen.name,
    nodes.map(({ name }) => name),
    KEYS,
  )
  const clients = await Promise.all([first, second].map(({ port }) => RespClient.connect(port)))
  onTestFinished(() => {
    for (const { socket } of clients) socket.destroy()
  })
  const [writer, other] = clients
  frozen.stop()
  // Each waits for the frozen owner, and is then sent to the next one.
  const late = writer.pipeline(...keys.map((key) => ['SET', key, 'old']))
  await agree([first, second])
  expect(await late).toEqual(keys.map(() => 'OK'))
  const sets = await other.pipeline(...keys.map((key) => ['SET', key, 'new']))
  expect(sets).toEqual(keys.map(() => 'OK'))
  frozen.resume()
  await agree(nodes)
  const back = await RespClient.connect(frozen.port)
  onTestFinished(() => void back.socket.destroy())
  for (const client of [...clients, back]) {
    await poll(async () => (await client.call('PING')) === 'PONG', 'a reply')
    // On a busy machine others may be declared dead, too: their entries are lost.
    expect(await client.pipeline(...keys.map((key) => ['GET', key]))).not.toContain('old')
  }
})
