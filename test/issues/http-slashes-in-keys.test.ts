// A key with a slash could not reach a server that refuses %2F in a path.

import { expect, onTestFinished, test } from 'vitest'
import { http } from '../../src/index.ts'
import { serveHttp } from '../support/http-server.ts'
import { startNode } from '../support/node.ts'

test('a raw placeholder sends slashes, and no key leads out of its folder', async () => {
  const asked: string[] = []
  const port = await serveHttp(({ url = '' }, response) => {
    asked.push(url)
    if (/%2f/i.test(url)) response.writeHead(404).end()
    else response.end(`at ${url}`)
  })
  const origin = http({ url: `http://127.0.0.1:${port}/files/{+path}`, keys: 'file:{path}' })
  const node = await startNode({ groups: { files: { origin, negativeTtl: 0 } } })
  onTestFinished(() => node.close())
  const { watcher } = node
  expect(await watcher.get('file:2026/report 1.pdf')).toBe('at /files/2026/report%201.pdf')
  expect(await watcher.get('file:a?b#c')).toBe('at /files/a%3Fb%23c')
  asked.length = 0
  const outside = [
    '..',
    '../x',
    'a/../../x',
    '%2e%2e/x',
    '//host/x',
    '/x',
    '..\\x',
    '..;/x',
    '．．/x',
    '..／x',
    'a\r\nb: c',
    'a\0',
  ]
  for (const path of outside) expect(await watcher.get(`file:${path}`)).toBe(null)
  expect(asked).toEqual([])
})
