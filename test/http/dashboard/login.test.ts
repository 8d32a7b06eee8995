// Whoever cannot open the dashboard gets a page that says why, and where to log in.

import { expect, test } from 'vitest'
import { type Answer, type HttpNode, startHttp } from '../../support/http.ts'

const BROWSER = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

const users = {
  default: 'on nopass ~* &* -@all +get',
  admin: 'on >secret ~* &* +@all',
  'josé<b>': 'on >pw ~* &* -@all +get',
}

function as(name: string, password: string): Record<string, string> {
  return { ...BROWSER, Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` }
}

async function pageOf(node: HttpNode, path: string, headers: Record<string, string>): Promise<Answer> {
  const answer = await node.ask(path, { headers })
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect(answer.headers['cache-control']).toBe('no-store')
  return answer
}

test('a browser without credentials is asked for them where the user without a password lacks the right', async () => {
  const node = await startHttp({ users })
  const answer = await pageOf(node, '/', BROWSER)
  expect(answer.status).toBe(401)
  expect(answer.headers['www-authenticate']).toContain('Basic')
  expect(answer.text).toContain('<a href="/dashboard/login">Log in</a>')
  // Routes for programs say what is missing: there are users without a password.
  expect((await node.ask('/dashboard/state')).status).toBe(403)
})

test('a program gets a problem as JSON', async () => {
  const node = await startHttp({ users })
  const asked: Record<string, string>[] = [{}, { Accept: '*/*' }, { Accept: 'application/json' }]
  for (const headers of asked) {
    const answer = await node.ask('/', { headers })
    expect(answer.status).toBe(401)
    expect(answer.headers['content-type']).toBe('application/problem+json')
  }
  expect((await node.ask('/nothing', { headers: BROWSER })).headers['content-type']).toBe(
    'application/problem+json',
  )
})

test('a user without the right reads which one, and may log in as another', async () => {
  const node = await startHttp({ users })
  const answer = await pageOf(node, '/', as('josé<b>', 'pw'))
  expect(answer.status).toBe(403)
  expect(answer.headers['www-authenticate']).toBeUndefined()
  expect(answer.text).toContain('the user &#34;josé&#60;b&#62;&#34; may not run INFO here')
  expect(answer.text).toContain('href="/dashboard/login?not=jos%C3%A9%3Cb%3E"')
})

test('the login asks for credentials until they are those of another user, and leads to the dashboard', async () => {
  const node = await startHttp({ users })
  const login = '/dashboard/login?not=jos%C3%A9%3Cb%3E'
  expect((await pageOf(node, '/dashboard/login', BROWSER)).status).toBe(401)
  expect((await pageOf(node, login, as('josé<b>', 'pw'))).status).toBe(401)
  expect((await pageOf(node, login, as('admin', 'wrong'))).status).toBe(401)
  const answer = await node.ask(login, { headers: as('admin', 'secret') })
  expect(answer.status).toBe(303)
  expect(answer.headers.location).toBe('/')
})

test('a host that is not accepted, and HEAD, get a page, too', async () => {
  const node = await startHttp({})
  const answer = await pageOf(node, '/?x', { ...BROWSER, Host: 'a<b>.example' })
  expect(answer.status).toBe(403)
  expect(answer.text).toContain('a&#60;b&#62;.example')
  expect(answer.text).toContain('http.hosts')
  const head = await node.ask('/', { method: 'HEAD', headers: { ...BROWSER, Host: 'evil.example' } })
  expect(head.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(head.body).toHaveLength(0)
})
