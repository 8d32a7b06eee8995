// Origins that throw, reject, hang, and give what no origin may give: an error for who asked, and for nobody else.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LoadFunction } from '../../src/origin/function.ts'
import { error, Fortress, until } from './fortress.ts'

const MB = 2 ** 20

/** What the origin does, by key. */
const deeds = new Map<string, LoadFunction>()

let fortress: Fortress
beforeEach(async () => {
  deeds.clear()
  deeds.set('good', () => '1')
  const origin: LoadFunction = (key, context) => deeds.get(key)?.(key, context)
  fortress = await Fortress.build({ groups: { loaded: { origin, originTimeoutMs: 1000, maxBytes: 2 * MB } } })
})
afterEach(() => fortress.tearDown())

const hostile = (name: string): never => {
  throw new Error(`${name} was asked for`)
}
const trapped = (): object =>
  new Proxy(
    {},
    {
      get: (_, name) => hostile(String(name)),
      has: (_, name) => hostile(String(name)),
      getPrototypeOf: () => hostile('the prototype'),
      ownKeys: () => hostile('keys'),
    },
  )
class Mute extends Error {
  override get message(): string {
    throw this
  }
}
class Odd extends Error {
  // @ts-expect-error: what JavaScript allows.
  override readonly message = { text: 'no text' }
}
/** What `await` takes for a promise. */
const thenable = (
  then: (resolve: (value: unknown) => void, reject: (error: Error) => void) => void,
): object => Object.defineProperty({}, 'then', { value: then })
const toss = (what: unknown): never => {
  throw what
}
/** What an origin of the wrong type does: TypeScript would not let it. */
const gives = (value: unknown): LoadFunction => (() => value) as unknown as LoadFunction

const WRONG = 'ORIGIN loaded: the origin gave'

const DEEDS: Readonly<Record<string, readonly [LoadFunction, string | RegExp]>> = {
  'throws an error': [() => toss(new Error('no\r\nway')), 'ORIGIN loaded: no way'],
  'throws an error without words': [() => toss(new RangeError('')), 'ORIGIN loaded: RangeError'],
  'throws a long error': [() => toss(new Error('x'.repeat(1e6))), `ORIGIN loaded: ${'x'.repeat(200)}…`],
  'throws undefined': [() => toss(undefined), 'ORIGIN loaded: undefined'],
  'throws a symbol': [() => toss(Symbol('s')), 'ORIGIN loaded: Symbol(s)'],
  'throws what has no text': [() => toss(Object.create(null)), /^ORIGIN loaded: ./],
  'throws an error that throws': [() => toss(new Mute()), /^ORIGIN loaded: ./],
  'throws an error whose message is none': [() => toss(new Odd()), /^ORIGIN loaded: ./],
  'throws a trap': [() => toss(trapped()), /^ORIGIN loaded: ./],
  rejects: [() => Promise.reject(new Error('down')), 'ORIGIN loaded: down'],
  'rejects with nothing': [() => Promise.reject(), 'ORIGIN loaded: undefined'],
  'rejects with a trap': [() => Promise.reject(trapped()), /^ORIGIN loaded: ./],
  'gives a number': [gives(630), `${WRONG} a number for "bad", not a string, bytes or null`],
  'gives a promise of a number': [
    gives(Promise.resolve(1)),
    /a number for "bad", not a string, bytes or null$/,
  ],
  'gives a bigint': [gives(1n), /a bigint for "bad", not/],
  'gives a boolean': [gives(false), /a boolean for "bad", not/],
  'gives NaN': [gives(Number.NaN), /a number for "bad", not/],
  'gives a symbol': [gives(Symbol.iterator), /a symbol for "bad", not/],
  'gives a function': [gives(() => '1'), /a function for "bad", not/],
  'gives an object': [gives({ toString: () => '1' }), /an object for "bad", not/],
  'gives a boxed string': [gives(Object('1')), /an object for "bad", not/],
  'gives an array': [gives(['1']), /an array for "bad", not/],
  'gives other bytes': [gives(new ArrayBuffer(3)), /an object for "bad", not/],
  'gives a trap': [gives(trapped()), /then was asked for/],
  'gives a promise of a trap': [
    () => Promise.resolve().then(gives(trapped()) as never),
    /then was asked for/,
  ],
  'gives bytes behind a trap': [gives(new Proxy(new Uint8Array(3), {})), /^ORIGIN loaded: ./],
  'gives a thenable that throws': [gives(thenable(() => toss(new Error('then what')))), /then what/],
  'gives a thenable that rejects twice': [
    gives(
      thenable((_, reject) => {
        reject(new Error('once'))
        reject(new Error('twice'))
      }),
    ),
    /once/,
  ],
  'gives 64 MiB of text': [
    () => 'x'.repeat(64 * MB),
    /a value of 67108864 bytes exceeds the budget of 2097152/,
  ],
  'gives 1 GiB': [
    () => new Uint8Array(1024 * MB),
    /a value of 1073741824 bytes exceeds the budget of 2097152/,
  ],
}

describe('an origin that', () => {
  for (const [name, [deed, message]] of Object.entries(DEEDS)) {
    test(name, async () => {
      deeds.set('bad', deed)
      const { flights, store } = fortress.server.groups[1]
      const attacker = await fortress.connect('loaded')
      const other = await fortress.connect('loaded')
      const [alone, good] = await attacker.pipeline(['GET', 'bad'], ['GET', 'good'])
      expect(alone).toMatchObject(error(message))
      expect(good).toBe('1')
      const used = store.usedBytes
      // Nothing of it is cached, and every command that loads tells of it.
      const commands = [
        ['STRLEN', 'bad'],
        ['MGET', 'good', 'bad'],
        ['INCR', 'bad'],
        ['GETDEL', 'bad'],
        ['GET', 'good'],
      ]
      const replies = await Promise.all([attacker.pipeline(...commands), other.pipeline(...commands)])
      for (const [strlen, mget, incr, getdel, last] of replies) {
        for (const reply of [strlen, mget, incr, getdel]) expect(reply).toMatchObject(error(message))
        expect(last).toBe('1')
      }
      expect(store.usedBytes).toBe(used)
      expect(flights?.failures).toBeGreaterThan(0)
      deeds.delete('bad')
      expect(await attacker.call('GET', 'bad')).toBe(null)
      await fortress.expectUnharmed()
    })
  }

  test('gives a thenable that keeps its word', async () => {
    deeds.set('late', gives(thenable((resolve) => setImmediate(resolve, 'kept'))))
    const attacker = await fortress.connect('loaded')
    expect(await attacker.call('GET', 'late')).toBe('kept')
    await fortress.expectUnharmed()
  })

  test('hangs fails at its time limit, and what it says later is not heard', async () => {
    const late: ((value: string) => void)[] = []
    const signals: AbortSignal[] = []
    deeds.set('slow', (_, { signal }) => {
      signals.push(signal)
      return new Promise((resolve) => late.push(resolve))
    })
    const attacker = await fortress.connect('loaded')
    const replies = attacker.pipeline(['GET', 'slow'], ['GET', 'good'], ['INCR', 'slow'], ['PING'])
    await until(() => late.length === 1)
    fortress.server.clock.advance(1000)
    await until(() => late.length === 2)
    fortress.server.clock.advance(1000)
    const timeout = error('ORIGIN loaded: timed out after 1000 ms')
    expect(await replies).toMatchObject([timeout, '1', timeout, 'PONG'])
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    for (const resolve of late) resolve('too late')
    deeds.delete('slow')
    expect(await attacker.call('GET', 'slow')).toBe(null)
    await fortress.expectUnharmed()
  })

  test('rejects after its time limit ends nothing', async () => {
    let reject: (error: Error) => void = () => undefined
    deeds.set(
      'slow',
      () =>
        new Promise((_, fail) => {
          reject = fail
        }),
    )
    const attacker = await fortress.connect('loaded')
    const reply = attacker.call('GET', 'slow')
    const { flights } = fortress.server.groups[1]
    await until(() => flights?.size === 1)
    fortress.server.clock.advance(1000)
    expect(await reply).toMatchObject(error(/timed out/))
    reject(new Error('nobody waits for this'))
    await fortress.expectUnharmed()
  })

  test('fails for some keys of many fails the MGET, and keeps the others', async () => {
    const keys = Array.from({ length: 2000 }, (_, i) => `k${i}`)
    for (const [i, key] of keys.entries())
      deeds.set(key, () => (i % 2 === 0 ? key : toss(new Error(`no ${key}`))))
    const attacker = await fortress.connect('loaded')
    expect(await attacker.call('MGET', ...keys)).toMatchObject(error(/^ORIGIN loaded: no k\d+$/))
    expect(await attacker.call('EXISTS', ...keys)).toBe(1000)
    expect(await attacker.call('GET', 'k0')).toBe('k0')
    await fortress.expectUnharmed()
  })
})
