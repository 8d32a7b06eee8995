// Other runtimes than Node.js, where they are on PATH: a program that embeds a node, and a node as a process.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { exchange, start } from './support/cli.ts'
import { compiledMain } from './support/compiled.ts'
import { describeWithExecutable, execute } from './support/executable.ts'

// Beside the compiled program: Deno looks for packages from the folder of the script.
const dist = dirname(compiledMain())
const folder = mkdtempSync(join(dist, '..', 'runtimes-'))
afterAll(() => rmSync(folder, { recursive: true }))

const RUNTIMES = [
  { name: 'Bun', program: 'bun', args: ['run'] },
  { name: 'Deno', program: 'deno', args: ['run', '--allow-all'] },
] as const

/** Uses each way to and from a node: functions, HTTP and Redis origins, the gateway, a time limit, a size limit. */
const embedding = (entry: string): string => `
import { createServer } from 'node:http'
import { createNode, http, redis } from ${JSON.stringify(entry)}
const web = createServer((request, response) => {
  if (request.url === '/large') response.end('x'.repeat(5000))
  else if (request.url !== '/silent') response.end('page ' + request.url)
})
await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve))
const url = 'http://127.0.0.1:' + web.address().port + '/{key}'
const node = await createNode({
  port: 0,
  bind: '127.0.0.1',
  http: { port: 'any', bind: '127.0.0.1' },
  groups: {
    scores: { origin: async (key) => (key === 'Tom' ? '630' : null) },
    pages: { origin: http({ url, maxResponse: '1kb', timeout: '200ms' }) },
  },
})
const [{ port }] = await node.listen()
console.log(await Promise.all([node.get('scores', 'Tom'), node.get('scores', 'nobody')]))
console.log(await node.get('pages', 'home'))
for (const key of ['large', 'silent']) await node.get('pages', key).catch(({ name }) => console.log(key, name))
const [{ port: httpPort }] = node.httpAddresses
console.log(await (await fetch('http://127.0.0.1:' + httpPort + '/cache/scores/Tom')).text())
const second = await createNode({ groups: { scores: { origin: redis({ url: 'redis://127.0.0.1:' + port }) } } })
console.log(await second.get('scores', 'Tom'))
await second.close()
await node.close()
console.log(await node.get('scores', 'Tom').catch(({ message }) => message))
process.exit(0)
`

const LINES = [
  /^\[ ["']630["'], null \]$/,
  /^page \/home$/,
  /^large OriginError$/,
  /^silent OriginError$/,
  /^630$/,
  /^630$/,
  /^the node is closed/,
]

for (const { name, program, args } of RUNTIMES)
  describeWithExecutable(
    program,
    `${name} runs`,
    (path) => {
      test('a program that embeds a node', async () => {
        const entry = pathToFileURL(join(dist, 'index.js')).href
        const file = join(folder, `${program}.mjs`)
        writeFileSync(file, embedding(entry))
        const { stdout, stderr } = await execute(path, [...args, file])
        const lines = stdout.trim().split('\n')
        expect(lines, stderr).toEqual(LINES.map((line) => expect.stringMatching(line)))
      })

      test('a node that clients use, until it is stopped', async () => {
        const { child, port, outcome } = await start([], { program: [path, ...args, compiledMain()] })
        expect(await exchange(port, 'GET Tom\r\nSET Tom 1\r\nINCR Tom\r\n', ':')).toBe(
          '$3\r\n630\r\n+OK\r\n:2\r\n',
        )
        child.kill('SIGTERM')
        expect(await outcome).toMatchObject({ code: 0 })
      })
    },
    program,
  )
