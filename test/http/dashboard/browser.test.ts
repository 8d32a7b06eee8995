// The dashboard in a real browser. With ERINYS_SCREENSHOTS=docs/images it also takes the pictures of the documentation.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Config, createNode, type Node } from '../../../src/index.ts'
import {
  type Browser,
  type ContextOptions,
  describeWithBrowser,
  launch,
  type Page,
} from '../../support/browser.ts'
import { WAIT_MS } from '../../support/budget.ts'
import { startCluster, type TestCluster } from '../../support/cluster.ts'
import { NAMELESS, POOR_CONTRASTS } from '../../support/page-checks.ts'
import { poll } from '../../support/poll.ts'

const SCREENSHOTS = process.env.ERINYS_SCREENSHOTS
const DESKTOP = { width: 1280, height: 900 }
const PHONE = { width: 375, height: 812 }
const VIEWS = ['Overview', 'Keys', 'Cluster', 'Log'] as const

const groups: Config['groups'] = {
  users: {
    maxBytes: '4mb',
    negativeTtl: '1m',
    origin: (key) => {
      if (key.startsWith('broken')) throw new Error('relation "users" does not exist')
      return key.startsWith('user:') ? JSON.stringify({ name: `User ${key.slice(5)}`, city: 'Turin' }) : null
    },
  },
  sessions: { maxBytes: '1mb' },
}

/** An open page, and what it has done that it should not. */
interface Opened {
  readonly page: Page
  /** Requests to others, errors of scripts, violations of the policy. */
  readonly faults: readonly string[]
  close(): Promise<void>
}

describeWithBrowser('the dashboard in Chromium', (tools) => {
  let browser: Browser
  let node: Node
  let url = ''

  beforeAll(async () => {
    const build = new URL('../../../src/http/dashboard/app/build.mjs', import.meta.url).href
    await ((await import(build)) as { buildDashboard(): Promise<void> }).buildDashboard()
    browser = await launch(tools)
    node = await createNode({ port: 0, bind: '127.0.0.1', http: { port: 'any', bind: '127.0.0.1' }, groups })
    await node.listen()
    url = urlOf(node)
    for (let i = 0; i < 40; i++) await node.get('users', `user:${i % 20}`).catch(() => undefined)
    await node.get('users', 'nobody')
    await node.get('users', 'broken:1').catch(() => undefined)
    await node.set('sessions', 'session:1', '{"user":42,"tags":["a","b"]}')
  })

  afterAll(async () => {
    await browser?.close()
    await node?.close()
  })

  async function open(options: ContextOptions = {}, at = url): Promise<Opened> {
    const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'reduce', ...options })
    context.setDefaultTimeout(WAIT_MS)
    const page = await context.newPage()
    const faults: string[] = []
    page.on('request', (request) => {
      if (!request.url().startsWith(at)) faults.push(`asked ${request.url()}`)
    })
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text())
    })
    page.on('pageerror', (error) => faults.push(String(error)))
    await page.goto(at)
    return { page, faults, close: () => context.close() }
  }

  /** Opens the page, runs a test on it, and expects that it behaved. */
  async function onPage(
    run: (page: Page) => Promise<void>,
    options: ContextOptions = {},
    at = url,
    expected = /^$/,
  ): Promise<void> {
    const { page, faults, close } = await open(options, at)
    try {
      await page.getByRole('navigation', { name: 'Views' }).waitFor()
      await run(page)
      expect(faults.filter((fault) => !expected.test(fault))).toEqual([])
    } finally {
      await close()
    }
  }

  const go = async (page: Page, view: (typeof VIEWS)[number]): Promise<void> => {
    await page.getByRole('link', { name: view, exact: true }).click()
    await page.locator(`nav a[aria-current="page"] >> text=${view}`).waitFor()
  }

  test('shows groups, errors of origins, and rates that follow what happens', async () => {
    await onPage(async (page) => {
      const row = page.getByRole('row', { name: /^users/ })
      await row.waitFor()
      expect(await row.innerText()).toContain('function')
      await page.getByText('relation "users" does not exist').first().waitFor()
      const isOver = { value: false }
      const traffic = (async () => {
        while (!isOver.value) {
          await node.get('users', 'user:1')
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })()
      try {
        await poll(async () => {
          const text = await page.getByRole('region', { name: 'Reads' }).locator('.figure').innerText()
          return /^[1-9]/.test(text)
        }, 'reads per second')
        const hot = page.locator('.hot')
        await poll(async () => (await hot.count()) > 0 && /user:1/.test(await hot.innerText()), 'the hot key')
      } finally {
        isOver.value = true
        await traffic
      }
    })
  })

  test('a group that is selected has the charts', async () => {
    await onPage(async (page) => {
      await page.getByRole('button', { name: 'sessions' }).click()
      await page.getByRole('img', { name: /^Reads per second of sessions/ }).waitFor()
      await page.getByRole('button', { name: 'Show all together' }).click()
      await page.getByRole('img', { name: /^Reads per second of all groups/ }).waitFor()
    })
  })

  test('EXPLAIN draws the path of a read, and does not load', async () => {
    await onPage(async (page) => {
      await go(page, 'Keys')
      const explain = async (key: string): Promise<string> => {
        await page.getByLabel('Explain the read of a key in users').fill(key)
        await page.getByRole('button', { name: 'Explain' }).click()
        await page.getByRole('region', { name: key }).locator('.facts').waitFor()
        return (
          await page.getByRole('list', { name: 'The path of a read' }).locator('.answers').innerText()
        ).replace(/\s+/g, ' ')
      }
      expect(await explain('user:3')).toMatch(/^Memory fresh, .* answers$/)
      expect(await explain('nobody')).toBe('Memory known to be absent answers')
      expect(await explain('user:999')).toBe('Origin function answers')
      expect((await node.explain('users', 'user:999')).state).toBe('none')
    })
  })

  test('keys are browsed, values shown, and invalidated after a question', async () => {
    await onPage(async (page) => {
      await go(page, 'Keys')
      await page.getByLabel('Group').selectOption('sessions')
      await page.getByRole('button', { name: 'session:1' }).click()
      const entry = page.getByRole('region', { name: 'session:1' })
      await entry.getByText('"user": 42').waitFor()
      await page.getByLabel('Group').selectOption('users')
      await page.getByLabel('Pattern').fill('user:1?')
      await page.getByRole('button', { name: 'Search' }).click()
      const keys = page.getByRole('list', { name: 'Keys of users' })
      await poll(async () => (await keys.locator('li').count()) === 10, 'ten keys that match')
      await keys.getByRole('button', { name: 'user:12' }).click()
      const user = page.getByRole('region', { name: 'user:12' })
      await user.getByText('Turin').waitFor()
      await user.getByRole('button', { name: 'Invalidate…' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('dialog').waitFor({ state: 'hidden' })
      expect((await node.explain('users', 'user:12')).state).toBe('fresh')
      await user.getByRole('button', { name: 'Invalidate…' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Invalidate the key' }).click()
      await page.getByRole('status').getByText('user:12 was removed from the cache.').waitFor()
      expect((await node.explain('users', 'user:12')).state).toBe('none')
      await poll(async () => (await keys.locator('li').count()) === 9, 'nine keys')
    })
  })

  test('a group is flushed after a question; Escape is no', async () => {
    await node.set('sessions', 'session:2', 'x')
    await onPage(async (page) => {
      await go(page, 'Keys')
      await page.getByLabel('Group').selectOption('sessions')
      await page.getByRole('button', { name: 'Flush group…' }).click()
      await page.getByRole('dialog', { name: 'Flush sessions?' }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'hidden' })
      expect((await node.stats('sessions')).keys).toBeGreaterThan(0)
      await page.getByRole('button', { name: 'Flush group…' }).click()
      await page.getByRole('button', { name: 'Flush the group' }).click()
      await page.getByRole('status').getByText('The group sessions is empty.').waitFor()
      expect((await node.stats('sessions')).keys).toBe(0)
    })
  })

  test('works with the keyboard alone', async () => {
    await onPage(async (page) => {
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.textContent.trim()')).toBe('To the content')
      await page.keyboard.press('Enter')
      expect(await page.evaluate('document.activeElement.id')).toBe('main')
      await page.getByRole('link', { name: 'Keys', exact: true }).focus()
      await page.keyboard.press('Enter')
      await page.getByLabel('Explain the read of a key in users').focus()
      await page.keyboard.type('user:5')
      await page.keyboard.press('Enter')
      await page.getByRole('region', { name: 'user:5' }).locator('.facts').waitFor()
      await page.getByRole('region', { name: 'user:5' }).getByRole('button', { name: 'Invalidate…' }).focus()
      await page.keyboard.press('Enter')
      await page.getByRole('dialog').waitFor()
      // The focus stays within the question.
      for (let i = 0; i < 6; i++) await page.keyboard.press('Tab')
      expect(
        await page.evaluate(`document.querySelector('dialog').contains(document.activeElement)
        || document.activeElement === document.body`),
      ).toBe(true)
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'hidden' })
    })
  })

  test.each(['light', 'dark'] as const)(
    'texts are readable in %s, and everything has a name',
    async (colorScheme) => {
      await onPage(
        async (page) => {
          for (const view of VIEWS) {
            await go(page, view)
            if (view === 'Keys') await page.getByRole('button', { name: 'user:3', exact: true }).click()
            expect(await page.evaluate<string[]>(POOR_CONTRASTS), view).toEqual([])
            expect(await page.evaluate<string[]>(NAMELESS), view).toEqual([])
          }
        },
        { colorScheme },
      )
    },
  )

  test('the theme can be chosen', async () => {
    await onPage(
      async (page) => {
        const background = (): Promise<string> =>
          page.evaluate('getComputedStyle(document.body).backgroundColor')
        const light = await background()
        await page.getByRole('button', { name: 'Theme: system' }).click()
        expect(await background()).toBe(light)
        await page.emulateMedia({ colorScheme: 'dark' })
        expect(await background()).toBe(light)
        await page.getByRole('button', { name: 'Theme: light' }).click()
        await page.getByRole('button', { name: 'Theme: dark' }).waitFor()
        const dark = await background()
        expect(dark).not.toBe(light)
        await page.getByRole('button', { name: 'Theme: dark' }).click()
        await page.getByRole('button', { name: 'Theme: system' }).waitFor()
        expect(await background()).toBe(dark)
        await page.emulateMedia({ colorScheme: 'light' })
        await expect.poll(background).toBe(light)
      },
      { colorScheme: 'light' },
    )
  })

  test.each([PHONE, { width: 768, height: 1024 }, DESKTOP])('fits a window of %o', async (viewport) => {
    await onPage(
      async (page) => {
        for (const view of VIEWS) {
          await go(page, view)
          if (view === 'Keys') await page.getByRole('button', { name: 'user:3', exact: true }).click()
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
          expect(wide, view).toBeLessThanOrEqual(0)
        }
      },
      { viewport },
    )
  })

  test('says so when the node is gone, and continues when it is back', async () => {
    const own = await createNode({
      port: 0,
      bind: '127.0.0.1',
      http: { port: 'any', bind: '127.0.0.1' },
      groups,
    })
    await own.listen()
    const at = urlOf(own)
    const { page, close } = await open({}, at)
    try {
      await page.getByText('ready', { exact: true }).waitFor()
      await own.close()
      await page.getByRole('alert').getByText('The node does not answer.').waitFor()
      const port = Number(new URL(at).port)
      const again = await createNode({
        port: 0,
        bind: '127.0.0.1',
        http: { port, bind: '127.0.0.1' },
        groups,
      })
      try {
        await again.listen()
        await page.getByRole('alert').waitFor({ state: 'hidden' })
      } finally {
        await again.close()
      }
    } finally {
      await close()
    }
  })

  test('says so when the node does not answer in time', async () => {
    await onPage(async (page) => {
      await page.getByText('ready', { exact: true }).waitFor()
      expect(await page.title()).toMatch(/^Overview – .* – Erinys$/)
      await page.clock.install()
      // Never answered, as by a process that is stopped.
      await page.route(/dashboard\/state/, () => undefined)
      await poll(async () => {
        await page.clock.runFor(2000)
        return (await page.getByRole('alert').count()) === 1
      }, 'the message')
      expect(await page.getByRole('alert').innerText()).toContain('The node does not answer.')
      await page.unroute(/dashboard\/state/)
      await poll(async () => {
        await page.clock.runFor(2000)
        return (await page.getByRole('alert').count()) === 0
      }, 'the answer')
    })
  })

  test('an answer that comes late is not shown for another key', async () => {
    await onPage(async (page) => {
      await go(page, 'Keys')
      const late: (() => Promise<void>)[] = []
      await page.route(/dashboard\/value\/users\/user:1$|dashboard\/value\/users\/user%3A1$/, (route) =>
        late.push(() => route.continue()),
      )
      const explain = page.getByLabel('Explain the read of a key in users')
      await explain.fill('user:1')
      await explain.press('Enter')
      await poll(() => late.length === 1, 'the first request')
      await explain.fill('user:2')
      await explain.press('Enter')
      const entry = page.getByRole('region', { name: 'user:2', exact: true })
      await entry.getByText('User 2').waitFor()
      const answered = page.waitForResponse(/value\/users\/user(?::|%3A)1$/)
      await late[0]()
      await answered
      await go(page, 'Log')
      await go(page, 'Keys')
      await entry.getByText('User 2').waitFor()
      expect(await entry.getByText('User 1', { exact: true }).count()).toBe(0)
    })
  })

  test('more keys come below, and the keyboard goes on with the first of them', async () => {
    const own = await createNode({
      port: 0,
      bind: '127.0.0.1',
      http: { port: 'any', bind: '127.0.0.1' },
      groups: { many: {}, few: {} },
    })
    await own.listen()
    for (let i = 0; i < 2000; i++) await own.set('many', `key:${i}`, 'x')
    for (const key of ['<img src=x onerror=alert(1)>', 'k'.repeat(4096), Buffer.from([0, 255, 27])])
      await own.set('few', key, '<script>alert(1)</script>')
    try {
      await onPage(
        async (page) => {
          await go(page, 'Keys')
          const keys = page.getByRole('list', { name: 'Keys of many' })
          const count = (): Promise<number> => keys.locator('li').count()
          await poll(async () => (await count()) > 0, 'the first keys')
          const first = await count()
          await page.getByText(`${first} keys so far`).waitFor()
          await page.getByRole('button', { name: 'More keys' }).focus()
          await page.keyboard.press('Enter')
          await poll(async () => (await count()) > first, 'more keys')
          await page.waitForFunction(
            `document.activeElement === document.querySelectorAll('.key-list button')[${first}]`,
          )
          // Those of another group are gone at once.
          await page.getByLabel('Group', { exact: true }).selectOption('few')
          await page.getByText('3 keys', { exact: true }).waitFor()
          const few = page.getByRole('list', { name: 'Keys of few' })
          await few.getByRole('button', { name: '<img src=x onerror=alert(1)>' }).waitFor()
          await few.getByRole('button', { name: '\\x00\\xff\\x1b' }).waitFor()
          // A key of 4 KiB does not fill the question, nor the message.
          await few.getByRole('button', { name: /^k{100}/ }).click()
          const entry = page.getByRole('region', { name: /^k{100}/ })
          await entry.getByText('<script>alert(1)</script>').waitFor()
          await entry.getByRole('button', { name: 'Invalidate…' }).click()
          expect((await page.getByRole('dialog').innerText()).length).toBeLessThan(600)
          await page.getByRole('button', { name: 'Invalidate the key' }).click()
          await page.getByRole('status').getByText('was removed from the cache').waitFor()
        },
        { viewport: PHONE },
        urlOf(own),
      )
    } finally {
      await own.close()
    }
  })

  test('a key of one dot is not the empty key', async () => {
    for (const key of ['', '.', '..']) await node.set('sessions', key, `of ${key}`)
    await onPage(async (page) => {
      await go(page, 'Keys')
      await page.getByLabel('Group').selectOption('sessions')
      for (const key of ['.', '..']) {
        await page.getByRole('button', { name: key, exact: true }).click()
        const entry = page.getByRole('region', { name: key, exact: true })
        await entry.getByText(`of ${key}`, { exact: true }).waitFor()
        await entry.getByRole('button', { name: 'Invalidate…' }).click()
        await page.getByRole('button', { name: 'Invalidate the key' }).click()
        await page.getByRole('button', { name: key, exact: true }).waitFor({ state: 'hidden' })
      }
    })
    expect(await node.get('sessions', '')).toBe('of ')
    expect(await node.get('sessions', '.')).toBeNull()
    await node.delete('sessions', '')
  })

  test('a thousand groups: some are shown, the others are found by their names', async () => {
    const many = await createNode({
      port: 0,
      bind: '127.0.0.1',
      http: { port: 'any', bind: '127.0.0.1' },
      groups: Object.fromEntries(
        Array.from({ length: 1000 }, (_, i) => [`group-${i}`, { maxBytes: '64kb' }]),
      ),
    })
    await many.listen()
    try {
      await onPage(
        async (page) => {
          const rows = page.locator('.groups tbody tr')
          await page.getByText('50 of 1000 groups').waitFor()
          expect(await rows.count()).toBe(50)
          await page.getByLabel('Name contains').fill('group-77')
          await page.getByText('11 groups').waitFor()
          await page.getByRole('button', { name: 'group-777', exact: true }).click()
          await page.getByRole('img', { name: /^Reads per second of group-777/ }).waitFor()
          expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBe(0)
          for (const view of VIEWS) await go(page, view)
        },
        { viewport: PHONE },
        urlOf(many),
      )
    } finally {
      await many.close()
    }
  })

  test('an error of an action stays until it is dismissed', async () => {
    await onPage(
      async (page) => {
        await go(page, 'Keys')
        await page.route(/dashboard\/flush/, (route) => route.abort())
        await page.getByRole('button', { name: 'Flush group…' }).click()
        await page.getByRole('button', { name: 'Flush the group' }).click()
        await page.getByRole('status').getByText('The node does not answer.').waitFor()
        await page.getByRole('button', { name: 'Dismiss' }).focus()
        await page.keyboard.press('Enter')
        await page.getByText('The node does not answer.').waitFor({ state: 'hidden' })
      },
      {},
      url,
      /Failed to load resource/,
    )
  })

  test('with a password, nothing is shown without it', async () => {
    const locked = await createNode({
      port: 0,
      bind: '127.0.0.1',
      requirepass: 'secret',
      http: { port: 'any', bind: '127.0.0.1' },
      groups,
    })
    await locked.listen()
    try {
      const context = await browser.newContext({})
      const page = await context.newPage()
      const response = await page.goto(urlOf(locked)).catch(() => null)
      expect(response?.status() ?? 401).toBe(401)
      await context.close()
      await onPage(
        async (opened) => {
          await opened.getByText('ready', { exact: true }).waitFor()
        },
        { httpCredentials: { username: 'default', password: 'secret' } },
        urlOf(locked),
      )
    } finally {
      await locked.close()
    }
  })

  describe('who has not every right', () => {
    const users = {
      default: 'on nopass ~* &* @group:users -@all +get',
      admin: 'on >secret ~* &* +@all',
      viewer: 'on >see ~* &* -@all +info',
      reader: 'on >read ~* &* -@all +get',
    }
    const asUser = (username: string, password: string): ContextOptions => ({
      httpCredentials: { username, password },
    })
    let guarded: Node
    let at = ''
    let port = 0
    beforeAll(async () => {
      guarded = await createNode({
        port: 0,
        bind: '127.0.0.1',
        http: { port: 'any', bind: '127.0.0.1' },
        users,
        groups,
      })
      ;[{ port }] = await guarded.listen()
      at = urlOf(guarded)
    })
    afterAll(() => guarded?.close())

    test('reads on a page what is missing', async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page, faults, close } = await open(
          { ...asUser('reader', 'read'), viewport: PHONE, colorScheme },
          at,
        )
        try {
          await page.getByRole('heading', { name: 'The user may not do this' }).waitFor()
          await page.getByText('the user "reader" may not run INFO here').waitFor()
          await page.getByRole('link', { name: 'Log in as another user' }).waitFor()
          expect(await page.evaluate<string[]>(POOR_CONTRASTS)).toEqual([])
          expect(await page.evaluate<string[]>(NAMELESS)).toEqual([])
          expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBe(0)
          expect(faults.filter((fault) => !/status of 40[13]/.test(fault))).toEqual([])
        } finally {
          await close()
        }
      }
    })

    test('logs in, and the dashboard opens', async () => {
      const { page, close } = await open(asUser('admin', 'secret'), new URL('/dashboard/login', at).href)
      try {
        await page.getByText('ready', { exact: true }).waitFor()
        expect(await page.evaluate('location.pathname')).toBe('/')
        expect(await page.getByRole('link', { name: /Log in/ }).count()).toBe(0)
      } finally {
        await close()
      }
    })

    test('may log in as another user', async () => {
      await onPage(
        async (page) => {
          await page.getByText('ready', { exact: true }).waitFor()
          const link = page.getByRole('link', { name: 'Log in as another user' })
          expect(await link.getAttribute('href')).toBe('/dashboard/login?not=viewer')
          expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBe(0)
        },
        { ...asUser('viewer', 'see'), viewport: PHONE },
        at,
      )
    })

    test('reads why nothing changes any more when rights are taken away, and is asked for a password once', async () => {
      const redis = new Redis(port, '127.0.0.1', {
        username: 'admin',
        password: 'secret',
      })
      const { page, close } = await open(asUser('viewer', 'see'), at)
      try {
        await page.getByText('ready', { exact: true }).waitFor()
        await redis.call('ACL', 'SETUSER', 'viewer', '-info')
        const alert = page.getByRole('alert')
        await alert.getByText('the user "viewer" may not run INFO here').waitFor()
        await alert.getByRole('link', { name: 'Log in as another user' }).waitFor()
        await redis.call('ACL', 'SETUSER', 'viewer', '+info')
        await alert.waitFor({ state: 'hidden' })
        await redis.call('ACL', 'SETUSER', 'viewer', 'off')
        await alert.getByText('the name or the password is wrong').waitFor()
        let requests = 0
        page.on('request', () => requests++)
        await page.clock.install()
        await page.clock.runFor(10_000)
        expect(requests).toBe(0)
      } finally {
        redis.disconnect()
        await close()
      }
    })
  })

  test('the ring of a cluster has all nodes, and a node is drained after a question', async () => {
    const cluster = await startCluster(3, {
      groups,
      each: () => ({ http: { port: 'any', bind: '127.0.0.1' } }),
    })
    try {
      await cluster.agreed()
      const [first] = cluster.members
      await onPage(
        async (page) => {
          await go(page, 'Cluster')
          for (const port of cluster.ports)
            await page.getByRole('row', { name: new RegExp(`127\\.0\\.0\\.1:${port}`) }).waitFor()
          expect(await page.locator('.arc').count()).toBe(3)
          await takeScreenshots(page, cluster)
          await page.getByRole('button', { name: 'Drain this node…' }).click()
          await page.getByRole('button', { name: 'Drain the node' }).click()
          await poll(async () => (await page.locator('.arc').count()) === 2, 'a ring of two nodes')
        },
        {},
        urlOf(first.node),
      )
    } finally {
      await cluster.close()
    }
  })

  test('shows any node of a cluster, by the one that serves the page', async () => {
    const cluster = await startCluster(2, {
      groups,
      each: () => ({ http: { port: 'any', bind: '127.0.0.1' } }),
    })
    try {
      await cluster.agreed()
      const [first, second] = cluster.ports.map((port) => `127.0.0.1:${port}`)
      const self = (page: Page, name: string) =>
        page.getByRole('row', { name: new RegExp(`${name} this node`) }).waitFor()
      await onPage(
        async (page) => {
          await go(page, 'Cluster')
          await self(page, first)
          await page.getByRole('button', { name: 'Drain this node…' }).waitFor()
          await page.getByLabel('Node', { exact: true }).selectOption(second)
          await self(page, second)
          // That is for its own page.
          expect(await page.getByRole('button', { name: 'Drain this node…' }).count()).toBe(0)
          await cluster.members[1].close()
          await page.getByRole('alert').getByText(`${second} does not answer`).waitFor()
          await page.getByLabel('Node', { exact: true }).selectOption(first)
          await self(page, first)
          await page.getByRole('alert').getByText('does not answer').waitFor({ state: 'hidden' })
        },
        {},
        urlOf(cluster.members[0].node),
        /status of 503/,
      )
    } finally {
      await cluster.close()
    }
  })

  /** Pictures of a cluster with traffic, if they are asked for. */
  async function takeScreenshots(page: Page, cluster: TestCluster): Promise<void> {
    if (SCREENSHOTS === undefined) return
    mkdirSync(SCREENSHOTS, { recursive: true })
    const shoot = async (name: string): Promise<void> => {
      // No lower than its content.
      const end = await page.evaluate<number>(`document.querySelector('main').lastElementChild
        .getBoundingClientRect().bottom`)
      const height = Math.min(DESKTOP.height, Math.ceil(end) + 24)
      await page.setViewportSize({ ...DESKTOP, height })
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) })
      await page.setViewportSize(DESKTOP)
    }
    const isOver = { value: false }
    const traffic = cluster.members.map(async ({ node: own }, n) => {
      for (let i = 0; !isOver.value; i++) {
        const id = Math.floor(Math.random() ** 4 * 400)
        await own.get('users', i % 50 === 0 ? `nobody:${i % 7}` : `user:${id}`)
        if (i % 40 === 0) await own.get('users', `user:${1000 + i * 3 + n}`)
        if (i % 150 === 0) await own.get('users', 'broken:7').catch(() => undefined)
        if (i % 5 === 0) await own.set('sessions', `session:${id}`, '{"user":42}', { ttl: 60_000 })
        await new Promise((resolve) => setTimeout(resolve, 1 + (i % 100 < 60 ? 0 : 3)))
      }
    })
    for (const theme of ['light', 'dark']) {
      await go(page, 'Overview')
      if (theme === 'light') await new Promise((resolve) => setTimeout(resolve, 60_000))
      await shoot(`dashboard-overview-${theme}`)
      await go(page, 'Keys')
      await page.getByLabel('Explain the read of a key in users').fill('user:3')
      await page.getByRole('button', { name: 'Explain' }).click()
      await page.locator('.path').waitFor()
      await shoot(`dashboard-keys-${theme}`)
      await go(page, 'Cluster')
      await shoot(`dashboard-cluster-${theme}`)
      if (theme === 'dark') break
      await page.getByRole('button', { name: 'Theme: system' }).click()
      await page.getByRole('button', { name: 'Theme: light' }).click()
    }
    isOver.value = true
    await Promise.all(traffic)
    await go(page, 'Cluster')
  }
})

function urlOf(node: Node): string {
  const [{ host, port }] = node.httpAddresses
  return `http://${host}:${port}/`
}
