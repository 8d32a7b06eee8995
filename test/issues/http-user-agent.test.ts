// No User-Agent was sent, and many servers answer 403 to such requests.

import { expect, test } from 'vitest'
import { version } from '../../src/config/version.ts'
import { serveHttp, startPages } from '../support/http-server.ts'

test.each<[headers: Record<string, string> | undefined, agent: string]>([
  [undefined, `erinys/${version}`],
  [{ 'X-Key': 'k' }, `erinys/${version}`],
  [{ 'User-Agent': 'mine/1' }, 'mine/1'],
  [{ 'USER-agent': 'mine/2' }, 'mine/2'],
])('with the headers %j every request has the User-Agent %s', async (headers, agent) => {
  const asked: unknown[] = []
  const port = await serveHttp((request, response) => {
    asked.push([request.method, request.url, request.headers['user-agent']])
    if (request.url === '/a') response.writeHead(302, { location: '/b' }).end()
    else response.end(request.method === 'POST' ? '{}' : 'body')
  })
  const batchUrl = `http://127.0.0.1:${port}/batch`
  const { watcher } = await startPages(port, { write: 'through' }, { batchUrl, headers })
  await watcher.get('a')
  await watcher.mget('x', 'y')
  await watcher.set('c', '1')
  await watcher.del('c')
  const methods = asked.map((request) => (request as string[])[0])
  expect(new Set(methods)).toEqual(new Set(['GET', 'POST', 'PUT', 'DELETE']))
  for (const request of asked) expect(request).toEqual([expect.any(String), expect.any(String), agent])
})
