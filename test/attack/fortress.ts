// What is attacked: a server with something to lose, and the question whether it has lost it.

import { expect } from 'vitest'
import { type LogLine, TestServer, type TestServerOptions } from '../support/server.ts'
import { Talker } from './talker.ts'

/** What is in the first group from the beginning, and must be there at the end. */
const TREASURE: ReadonlyMap<string, string> = new Map([
  ['gold', 'aurum'],
  ['', 'under the empty key'],
  ['__proto__', 'no prototype'],
  ['\0\r\n\xff', '\xff\n\r\0'],
])

/** Groups in a row: `cache`, without an origin, is the first. */
export class Fortress {
  readonly server: TestServer
  /** Takes no part in the attack. */
  readonly guard: Talker
  readonly #talkers: Talker[] = []

  private constructor(server: TestServer, guard: Talker) {
    this.server = server
    this.guard = guard
  }

  static async build({ settings, groups = {} }: TestServerOptions = {}): Promise<Fortress> {
    const server = await TestServer.start({ settings, groups: { cache: {}, ...groups } })
    const guard = await Talker.connect(server.port)
    for (const [key, value] of TREASURE) await guard.call('SET', key, value)
    return new Fortress(server, guard)
  }

  get port(): number {
    return this.server.port
  }

  async connect(group?: string): Promise<Talker> {
    const talker = await Talker.connect(this.port)
    this.#talkers.push(talker)
    if (group !== undefined) await talker.call('SELECT', group)
    return talker
  }

  /**
   * The guard is answered, the treasure is whole, nobody else is connected once the attackers have left, no load
   * is under way, no handler has thrown, and every store is within its budget and consistent.
   */
  async expectUnharmed(): Promise<void> {
    const { guard, server } = this
    for (const talker of this.#talkers.splice(0)) {
      talker.socket.destroy()
      expect(talker.nonsense).toBeUndefined()
    }
    await until(() => server.server.clients.size === 1)
    await until(() => server.groups.every(({ flights }) => (flights?.size ?? 0) === 0))
    expect(await guard.call('PING')).toBe('PONG')
    expect(await guard.call('MGET', ...TREASURE.keys())).toEqual([...TREASURE.values()])
    expect(server.server.monitors).toBe(0)
    expect(takeFaults(server)).toEqual([])
    for (const { store } of server.groups) {
      expect(store.usedBytes).toBeLessThanOrEqual(store.maxBytes)
      store.verify()
    }
  }

  async tearDown(): Promise<void> {
    this.guard.socket.destroy()
    for (const talker of this.#talkers) talker.socket.destroy()
    await this.server.stop()
  }
}

/** What handlers threw since it was asked for the last time. */
export function takeFaults({ log }: TestServer): unknown[] {
  const isFault = ({ level }: LogLine): boolean => level === 'error'
  const lines = log.splice(0)
  log.push(...lines.filter((line) => !isFault(line)))
  return lines.filter(isFault).map(({ fields, message }) => {
    const { err, ...others } = fields as { err?: Error }
    return { message, ...others, stack: err?.stack }
  })
}

/** Resolves when something has come about, which needs no more than turns of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** Lets everything happen that is due. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** An error reply of these words. */
export function error(message: string | RegExp): object {
  return {
    name: 'ReplyError',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  }
}
