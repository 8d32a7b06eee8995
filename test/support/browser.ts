// A real Chromium, driven by playwright-core. Neither is part of the project: see describeWithBrowser.

import { createRequire } from 'node:module'
import { describeIfFound, findExecutable } from './executable.ts'

/** The part of playwright-core that the tests use. */
interface Playwright {
  readonly chromium: {
    launch(options: { executablePath: string; args: readonly string[] }): Promise<Browser>
  }
}

export interface Browser {
  newContext(options?: ContextOptions): Promise<BrowserContext>
  close(): Promise<void>
}

export interface ContextOptions {
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly deviceScaleFactor?: number
  readonly colorScheme?: 'light' | 'dark'
  readonly reducedMotion?: 'reduce'
  readonly httpCredentials?: { readonly username: string; readonly password: string }
}

interface BrowserContext {
  newPage(): Promise<Page>
  setDefaultTimeout(ms: number): void
  close(): Promise<void>
}

interface Route {
  continue(): Promise<void>
  abort(): Promise<void>
}

export interface Page {
  goto(url: string): Promise<{ status(): number } | null>
  on(event: 'request', listener: (request: { url(): string }) => void): void
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void
  on(event: 'pageerror', listener: (error: Error) => void): void
  evaluate<Result>(run: (() => Result) | string): Promise<Result>
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean }): Locator
  getByLabel(text: string | RegExp, options?: { exact?: boolean }): Locator
  getByText(text: string | RegExp, options?: { exact?: boolean }): Locator
  locator(selector: string): Locator
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> }
  emulateMedia(options: { colorScheme: 'light' | 'dark' }): Promise<void>
  setViewportSize(size: { width: number; height: number }): Promise<void>
  screenshot(options: { path: string; fullPage?: boolean }): Promise<Buffer>
  waitForFunction(run: string): Promise<unknown>
  title(): Promise<string>
  waitForResponse(url: RegExp): Promise<unknown>
  /** `run` decides what happens to a request whose URL matches. */
  route(url: RegExp, run: (route: Route) => unknown): Promise<void>
  unroute(url: RegExp): Promise<void>
  readonly clock: { install(): Promise<void>; runFor(ms: number): Promise<void> }
}

interface Locator {
  waitFor(options?: { state?: 'visible' | 'hidden' | 'attached' }): Promise<void>
  click(): Promise<void>
  fill(text: string): Promise<void>
  selectOption(value: string): Promise<unknown>
  focus(): Promise<void>
  press(key: string): Promise<void>
  textContent(): Promise<string | null>
  innerText(): Promise<string>
  getAttribute(name: string): Promise<string | null>
  count(): Promise<number>
  first(): Locator
  locator(selector: string): Locator
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean }): Locator
  getByText(text: string | RegExp, options?: { exact?: boolean }): Locator
}

export interface BrowserTools {
  readonly playwright: Playwright
  readonly chromium: string
}

/** The browser must not connect to any other host than the node. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A `describe` whose tests need Chromium and playwright-core, here or in a folder of NODE_PATH; `browser` requires them. */
export function describeWithBrowser(name: string, body: (tools: BrowserTools) => void): void {
  describeIfFound(findTools(), name, 'chromium with playwright-core', 'browser', body)
}

export function launch({ playwright, chromium }: BrowserTools): Promise<Browser> {
  return playwright.chromium.launch({ executablePath: chromium, args: ARGUMENTS })
}

function findTools(): BrowserTools | undefined {
  const chromium = findExecutable('chromium') ?? findExecutable('chromium-browser')
  if (chromium === undefined) return undefined
  try {
    const require = createRequire(import.meta.url)
    return { chromium, playwright: require(['playwright', 'core'].join('-')) as Playwright }
  } catch {
    return undefined
  }
}
