// The sessions of the documentation give the replies that they show.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createNode, type Node } from '../../src/index.ts'
import { startMany } from '../support/cli.ts'
import { describeWithExecutable, execute } from '../support/executable.ts'
import { allBlocks, shellCommands } from './markdown.ts'

describeWithExecutable('redis-cli', 'sessions', (redisCli) => {
  const sessions = allBlocks('session')

  describe.each([...new Set(sessions.map(({ page }) => page))])('%s', (path) => {
    let node: Node
    let port: number

    beforeAll(async () => {
      node = await createNode({ port: 0, bind: '127.0.0.1' })
      port = (await node.listen())[0].port
    })
    afterAll(() => node.close())

    const ofPage = sessions.filter(({ page }) => page === path)
    test.each(ofPage.map((block, i) => ({ ...block, number: i + 1 })))(
      'session $number',
      async ({ options, text }) => {
        const { commands, replies } = readSession(text)
        const protocol = options.startsWith('-3') ? ['-3'] : []
        const { stdout } = await execute(redisCli, ['-p', String(port), '--no-raw', ...protocol], commands)
        const mask = options.includes('numbers vary') ? withoutNumbers : (lines: string): string => lines
        expect(mask(stdout)).toBe(mask(replies))
      },
    )
  })
})

describeWithExecutable('curl', 'commands with curl', () => {
  const blocks = allBlocks('curl')

  test.each([...new Set(blocks.map(({ page }) => page))])('%s', async (path) => {
    const http = { port: 'any', bind: '127.0.0.1' }
    const node = await createNode({ port: 0, bind: '127.0.0.1', http })
    onTestFinished(() => node.close())
    await node.listen()
    const [{ port }] = node.httpAddresses
    for (const { text } of blocks.filter(({ page }) => page === path))
      for (const { command, shown } of shellCommands(text)) {
        const script = command.replaceAll(':7080', `:${port}`).replace(/^curl /, 'curl -s ')
        const { stdout } = await execute('sh', ['-c', script])
        // A value ends without a line end, and the next prompt follows it.
        expect(stdout.replace(/\n?$/, shown === '' ? '' : '\n'), command).toBe(shown)
      }
  })
})

describeWithExecutable('redis-cli', 'commands beside three nodes', () => {
  test.each(allBlocks('shell'))('$page', async ({ text }) => {
    const nodes = await startMany([])
    const script = text.replace(/\b700([0-2])\b/g, (_, i) => String(nodes.ports[Number(i)]))
    for (const { command, shown } of shellCommands(script)) {
      const { stdout } = await execute('sh', ['-c', command])
      // With its output in a pipe, redis-cli prints values without quotes and numbers.
      expect(stdout, command).toBe(shown.replace(/^\d+\) |"/gm, ''))
    }
    // The end of a node that a command has killed counts as a failure once all are to stop.
    if (text.includes('kill -9'))
      await nodes.logged((lines) => lines.some(({ msg }) => msg.endsWith('the others go on')))
    nodes.child.kill('SIGTERM')
    expect((await nodes.outcome).code).toBe(0)
  })
})

/** The commands after the prompts, and all replies. */
function readSession(text: string): { commands: string; replies: string } {
  const lines = text.split('\n')
  const prompt = /^127\.0\.0\.1:7000(\(TX\))?> /
  const commands = lines.filter((line) => prompt.test(line)).map((line) => `${line.replace(prompt, '')}\n`)
  return { commands: commands.join(''), replies: lines.filter((line) => !prompt.test(line)).join('\n') }
}

/** Replaces all numbers, as some depend on the time, and the spaces that align them. */
function withoutNumbers(text: string): string {
  return text.replace(/\d+/g, '0')
}
