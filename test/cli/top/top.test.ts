// `erinys top --once` against nodes of this process.

import { describe, expect, test } from 'vitest'
import { run } from '../../support/cli.ts'
import { startCluster } from '../../support/cluster.ts'
import { startNode } from '../../support/node.ts'
import { freePorts } from '../../support/ports.ts'

const groups = { scores: { origin: (key: string) => `value of ${key}` }, cache: {} }

describe('erinys top --once', () => {
  test('prints a node, its groups and its slow log', async () => {
    const node = await startNode({ requirepass: 'secret', groups })
    try {
      await node.watcher.config('SET', 'slowlog-log-slower-than', '0')
      await node.watcher.get('Tom')
      // The questions of top itself would fill the log.
      await node.watcher.config('SET', 'slowlog-log-slower-than', '-1')
      const { code, stdout, stderr } = await run(
        ['top', `127.0.0.1:${node.port}`, '--once', '--interval', '50ms'],
        {
          env: { ERINYS_REQUIREPASS: 'secret' },
        },
      )
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${node.port} +ok `, 'm'))
      expect(stdout).toMatch(/^scores +.* 1 +\S+\/\S+$/m)
      expect(stdout).toMatch(/ get Tom$/im)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: no codes of terminals in a pipe
      expect(stdout).not.toMatch(/\x1b/)
    } finally {
      await node.close()
    }
  })

  test('finds the other nodes of a cluster', async () => {
    const cluster = await startCluster(2)
    try {
      await cluster.agreed()
      const [first, second] = cluster.ports
      const { stdout } = await run(['top', `127.0.0.1:${first}`, '--once', '--interval', '50ms'])
      expect(stdout).toMatch(/^erinys \S+ · 2 nodes/)
      for (const port of [first, second])
        expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port} +ok `, 'm'))
    } finally {
      await cluster.close()
    }
  })

  test('says what is wrong', async () => {
    const [port] = await freePorts(1)
    const [refused, bad, interval, terminal] = await Promise.all([
      run(['top', `127.0.0.1:${port}`, '--once']),
      run(['top', 'nowhere', '--once']),
      run(['top', '--once', '--interval', 'soon']),
      run(['top', `127.0.0.1:${port}`]),
    ])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(new RegExp(`^erinys: .*127\\.0\\.0\\.1:${port} does not answer: `))
    expect(bad.stderr).toBe('erinys: got nowhere for the address, wants host:port\n')
    expect(interval.stderr).toBe('erinys: --interval: got soon, wants a duration such as 1s or 500ms\n')
    expect(terminal.stderr).toContain('top needs a terminal: use --once to print once')
  })
})
