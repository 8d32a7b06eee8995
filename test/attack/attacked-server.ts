// A server under attack, with entries that must survive, and a check that it is intact.

import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { RespClient } from '../support/resp-client.ts'
import { type LogLine, TestServer, type TestServerOptions } from '../support/server.ts'

/** Entries of the first group that no attack may change. */
const ENTRIES: ReadonlyMap<string, string> = new Map([
  ['gold', 'aurum'],
  ['', 'under the empty key'],
  ['__proto__', 'no prototype'],
  ['\0\r\n\xff', '\xff\n\r\0'],
])

/** The first group is `cache`, without an origin. */
export class AttackedServer {
  readonly server: TestServer
  /** A client that takes no part in the attack. */
  readonly observer: RespClient
  readonly #clients: RespClient[] = []

  private constructor(server: TestServer, observer: RespClient) {
    this.server = server
    this.observer = observer
  }

  static async start({ settings, groups = {} }: TestServerOptions = {}): Promise<AttackedServer> {
    const server = await TestServer.start({ settings, groups: { cache: {}, ...groups } })
    const observer = await RespClient.connect(server.port)
    for (const [key, value] of ENTRIES) await observer.call('SET', key, value)
    return new AttackedServer(server, observer)
  }

  get port(): number {
    return this.server.port
  }

  async connect(group?: string): Promise<RespClient> {
    const client = await RespClient.connect(this.port)
    this.#clients.push(client)
    if (group !== undefined) await client.call('SELECT', group)
    return client
  }

  /**
   * The observer gets replies, its entries are unchanged, no attacker is connected, no load is under way, no handler
   * has thrown, and every store is within its budget and consistent.
   */
  async expectIntact(): Promise<void> {
    const { observer, server } = this
    for (const client of this.#clients.splice(0)) {
      client.socket.destroy()
      expect(client.parseError).toBeUndefined()
    }
    await until(() => server.server.clients.size === 1)
    await until(() => server.groups.every(({ flights }) => (flights?.size ?? 0) === 0))
    expect(await observer.call('PING')).toBe('PONG')
    expect(await observer.call('MGET', ...ENTRIES.keys())).toEqual([...ENTRIES.values()])
    expect(server.server.monitors).toBe(0)
    expect(takeFaults(server)).toEqual([])
    for (const { store } of server.groups) {
      expect(store.usedBytes).toBeLessThanOrEqual(store.maxBytes)
      store.verify()
    }
  }

  async close(): Promise<void> {
    this.observer.socket.destroy()
    for (const client of this.#clients) client.socket.destroy()
    await this.server.stop()
  }
}

/** One server and one attacker for all tests of a file: after each no handler has thrown, and at the end it is intact. */
export function sharedServer(): {
  readonly target: () => AttackedServer
  readonly attacker: () => RespClient
} {
  let target: AttackedServer
  let attacker: RespClient
  beforeAll(async () => {
    const group = { origin: () => null }
    target = await AttackedServer.start({
      groups: { ['__proto__']: {}, constructor: {}, toString: group, loaded: group },
    })
    attacker = await target.connect()
  })
  afterEach(async () => {
    expect(takeFaults(target.server)).toEqual([])
    expect(await target.observer.call('GET', 'gold')).toBe('aurum')
  })
  afterAll(async () => {
    await target.expectIntact()
    await target.close()
  })
  return { target: () => target, attacker: () => attacker }
}

/** The errors that handlers have thrown since the last call. */
export function takeFaults({ log }: TestServer): unknown[] {
  const isFault = ({ level }: LogLine): boolean => level === 'error'
  const lines = log.splice(0)
  log.push(...lines.filter((line) => !isFault(line)))
  return lines.filter(isFault).map(({ fields, message }) => {
    const { err, ...others } = fields as { err?: Error }
    return { message, ...others, stack: err?.stack }
  })
}

/** Runs the event loop until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** Waits for the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** An error reply with this message. */
export function error(message: string | RegExp): object {
  return {
    name: 'ReplyError',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  }
}
