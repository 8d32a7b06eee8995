// A member that does not answer, on the dashboard of another one.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { createNode, type Node } from '../../../src/index.ts'
import { type Browser, describeWithBrowser, launch, type Page } from '../../support/browser.ts'
import { WAIT_MS } from '../../support/budget.ts'
import { NodeProcess } from '../../support/node-process.ts'
import { NAMELESS, POOR_CONTRASTS } from '../../support/page-checks.ts'
import { freePorts } from '../../support/ports.ts'

const PHONE = { width: 375, height: 812 }
const VIEWS = ['Overview', 'Keys', 'Cluster', 'Log']
/** A killed process refuses connections, which tells at once; one that lacks CPU is not taken for dead. */
const PATIENT = { timeout: '30s', pingInterval: '500ms' } as const

describeWithBrowser('a member that ends', (tools) => {
  let browser: Browser
  let node: Node
  let other: NodeProcess

  beforeAll(async () => {
    const build = new URL('../../../src/http/dashboard/app/build.mjs', import.meta.url).href
    await ((await import(build)) as { buildDashboard(): Promise<void> }).buildDashboard()
    browser = await launch(tools)
    const ports = await freePorts(2)
    const peers = ports.map((port) => `127.0.0.1:${port}`)
    node = await createNode({
      port: ports[0],
      bind: '127.0.0.1',
      http: { port: 'any', bind: '127.0.0.1' },
      groups: { cache: {} },
      cluster: { announce: peers[0], peers, ...PATIENT },
    })
    const patient = ['--cluster-timeout', PATIENT.timeout, '--cluster-ping-interval', PATIENT.pingInterval]
    other = new NodeProcess(ports[1], ['--peers', peers.join(), '--announce', peers[1], ...patient])
    await Promise.all([node.listen(), other.start()])
  })

  afterAll(async () => {
    await browser?.close()
    if (other?.isRunning) await other.kill()
    await node?.close()
  })

  async function open(colorScheme: 'light' | 'dark'): Promise<Page> {
    const context = await browser.newContext({ viewport: PHONE, reducedMotion: 'reduce', colorScheme })
    context.setDefaultTimeout(WAIT_MS)
    const page = await context.newPage()
    const [{ host, port }] = node.httpAddresses
    await page.goto(`http://${host}:${port}/`)
    return page
  }

  /** The state of the other one in the list of nodes. */
  const seen = (page: Page, text: string) =>
    page.getByRole('row', { name: new RegExp(`${other.name} ${text}`) }).waitFor()
  const choice = (page: Page, text: string) =>
    page.getByLabel('Node', { exact: true }).getByText(text, { exact: true }).waitFor({ state: 'attached' })

  test('is seen on every view as down, as up again, and as one that left', async () => {
    const pages = [await open('light'), await open('dark')]
    const [light] = pages
    const alert = light.getByRole('alert').getByText(`Node ${other.name} is down: it does not answer.`)
    await choice(light, other.name)
    expect(await alert.count()).toBe(0)

    await other.kill()
    await alert.waitFor()
    await choice(light, `${other.name} – down`)
    for (const page of pages) {
      await page.getByRole('alert').waitFor()
      for (const view of VIEWS) {
        await page.getByRole('link', { name: view, exact: true }).click()
        await page.locator(`nav a[aria-current="page"] >> text=${view}`).waitFor()
        expect(await page.getByRole('alert').count(), view).toBe(1)
        expect(await page.evaluate<string[]>(POOR_CONTRASTS), view).toEqual([])
        expect(await page.evaluate<string[]>(NAMELESS), view).toEqual([])
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), view).toBe(0)
      }
    }
    // By keyboard.
    await light.getByRole('alert').getByRole('link', { name: 'Show the nodes' }).focus()
    await light.keyboard.press('Enter')
    await seen(light, 'down does not answer for ')

    await other.start()
    await alert.waitFor({ state: 'hidden' })
    await choice(light, other.name)
    await seen(light, 'up again for .*; was down')

    // It hands its keys over and ends.
    await other.terminate()
    await seen(light, 'left handed its keys over and stopped for ')
    await choice(light, `${other.name} – left`)
    expect(await alert.count()).toBe(0)
  })
})
