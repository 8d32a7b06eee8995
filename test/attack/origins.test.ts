// Origins that throw, reject, hang, or return invalid results: an error for the clients that asked, and for no others.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LoadFunction } from '../../src/origin/function.ts'
import { VALUE_TYPES } from '../support/value-types.ts'
import { AttackedServer, error, until } from './attacked-server.ts'

const MB = 2 ** 20

/** By key: the load function. */
const loadsByKey = new Map<string, LoadFunction>()

let target: AttackedServer
beforeEach(async () => {
  loadsByKey.clear()
  loadsByKey.set('good', () => '1')
  const origin: LoadFunction = (key, context) => loadsByKey.get(key)?.(key, context)
  target = await AttackedServer.start({
    groups: { loaded: { origin, originTimeoutMs: 1000, maxBytes: 2 * MB } },
  })
})
afterEach(() => target.close())

const trap = (name: string): never => {
  throw new Error(`${name} was asked for`)
}
const throwingProxy = (): object =>
  new Proxy(
    {},
    {
      get: (_, name) => trap(String(name)),
      has: (_, name) => trap(String(name)),
      getPrototypeOf: () => trap('the prototype'),
      ownKeys: () => trap('keys'),
    },
  )
class ThrowingMessage extends Error {
  override get message(): string {
    throw this
  }
}
class ObjectMessage extends Error {
  // @ts-expect-error: JavaScript allows it.
  override readonly message = { text: 'no text' }
}
/** An object with a `then` method, which `await` treats as a promise. */
const thenable = (
  then: (resolve: (value: unknown) => void, reject: (error: Error) => void) => void,
): object => Object.defineProperty({}, 'then', { value: then })
const throwing = (what: unknown): never => {
  throw what
}
/** An origin with a result that its type does not allow. */
const returns = (value: unknown): LoadFunction => (() => value) as unknown as LoadFunction

const WRONG = 'ORIGIN loaded: the origin gave'

const FAULTS: Readonly<Record<string, readonly [LoadFunction, string | RegExp]>> = {
  'throws an error': [() => throwing(new Error('no\r\nway')), 'ORIGIN loaded: no way'],
  'throws an error without a message': [() => throwing(new RangeError('')), 'ORIGIN loaded: RangeError'],
  'throws a long error': [() => throwing(new Error('x'.repeat(1e6))), `ORIGIN loaded: ${'x'.repeat(200)}…`],
  'throws undefined': [() => throwing(undefined), 'ORIGIN loaded: undefined'],
  'throws a symbol': [() => throwing(Symbol('s')), 'ORIGIN loaded: Symbol(s)'],
  'throws an object without toString': [() => throwing(Object.create(null)), /^ORIGIN loaded: ./],
  'throws an error whose message throws': [() => throwing(new ThrowingMessage()), /^ORIGIN loaded: ./],
  'throws an error whose message is not a string': [() => throwing(new ObjectMessage()), /^ORIGIN loaded: ./],
  'throws a proxy whose traps throw': [() => throwing(throwingProxy()), /^ORIGIN loaded: ./],
  rejects: [() => Promise.reject(new Error('down')), 'ORIGIN loaded: down'],
  'rejects with nothing': [() => Promise.reject(), 'ORIGIN loaded: undefined'],
  'rejects with a proxy whose traps throw': [() => Promise.reject(throwingProxy()), /^ORIGIN loaded: ./],
  'returns a number': [returns(630), `${WRONG} a number for "bad": ${VALUE_TYPES}`],
  'returns a promise of a number': [returns(Promise.resolve(1)), /a number for "bad": a value is /],
  'returns a bigint': [returns(1n), /a bigint for "bad": a/],
  'returns a boolean': [returns(false), /a boolean for "bad": a/],
  'returns NaN': [returns(Number.NaN), /a number for "bad": a/],
  'returns a symbol': [returns(Symbol.iterator), /a symbol for "bad": a/],
  'returns a function': [returns(() => '1'), /a function for "bad": a/],
  'returns an object': [
    returns({ toString: () => '1' }),
    /a function as field "toString" of a hash for "bad": a/,
  ],
  'returns a boxed string': [returns(Object('1')), /an object \(String\) for "bad": a/],
  'returns an array of arrays': [returns([['1']]), /an array as element 0 of a list for "bad": a/],
  'returns other bytes': [returns(new ArrayBuffer(3)), /an object \(ArrayBuffer\) for "bad": a/],
  'returns a proxy whose traps throw': [returns(throwingProxy()), /then was asked for/],
  'returns a promise of a proxy whose traps throw': [
    () => Promise.resolve().then(returns(throwingProxy()) as never),
    /then was asked for/,
  ],
  'returns a proxy of bytes': [returns(new Proxy(new Uint8Array(3), {})), /^ORIGIN loaded: ./],
  'returns a thenable that throws': [returns(thenable(() => throwing(new Error('then what')))), /then what/],
  'returns a thenable that rejects twice': [
    returns(
      thenable((_, reject) => {
        reject(new Error('once'))
        reject(new Error('twice'))
      }),
    ),
    /once/,
  ],
  'returns 64 MiB of text': [
    () => 'x'.repeat(64 * MB),
    /a value of 67108864 bytes exceeds the budget of 2097152/,
  ],
  'returns 1 GiB': [
    () => new Uint8Array(1024 * MB),
    /a value of 1073741824 bytes exceeds the budget of 2097152/,
  ],
}

describe('an origin that', () => {
  for (const [name, [fault, message]] of Object.entries(FAULTS)) {
    test(name, async () => {
      loadsByKey.set('bad', fault)
      const { flights, store } = target.server.groups[1]
      const attacker = await target.connect('loaded')
      const other = await target.connect('loaded')
      const [first, good] = await attacker.pipeline(['GET', 'bad'], ['GET', 'good'])
      expect(first).toMatchObject(error(message))
      expect(good).toBe('1')
      const used = store.usedBytes
      // Nothing is cached, and every command that loads the key fails.
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
      loadsByKey.delete('bad')
      expect(await attacker.call('GET', 'bad')).toBe(null)
      await target.expectIntact()
    })
  }

  test('returns a thenable that resolves', async () => {
    loadsByKey.set('late', returns(thenable((resolve) => setImmediate(resolve, 'kept'))))
    const attacker = await target.connect('loaded')
    expect(await attacker.call('GET', 'late')).toBe('kept')
    await target.expectIntact()
  })

  test('hangs fails at its timeout, and its late result is ignored', async () => {
    const late: ((value: string) => void)[] = []
    const signals: AbortSignal[] = []
    loadsByKey.set('slow', (_, { signal }) => {
      signals.push(signal)
      return new Promise((resolve) => late.push(resolve))
    })
    const attacker = await target.connect('loaded')
    const replies = attacker.pipeline(['GET', 'slow'], ['GET', 'good'], ['INCR', 'slow'], ['PING'])
    await until(() => late.length === 1)
    target.server.clock.advance(1000)
    await until(() => late.length === 2)
    target.server.clock.advance(1000)
    const timeout = error('ORIGIN loaded: timed out after 1000 ms')
    expect(await replies).toMatchObject([timeout, '1', timeout, 'PONG'])
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    for (const resolve of late) resolve('too late')
    loadsByKey.delete('slow')
    expect(await attacker.call('GET', 'slow')).toBe(null)
    await target.expectIntact()
  })

  test('rejects after its timeout does no harm', async () => {
    let reject: (error: Error) => void = () => undefined
    loadsByKey.set(
      'slow',
      () =>
        new Promise((_, fail) => {
          reject = fail
        }),
    )
    const attacker = await target.connect('loaded')
    const reply = attacker.call('GET', 'slow')
    const { flights } = target.server.groups[1]
    await until(() => flights?.size === 1)
    target.server.clock.advance(1000)
    expect(await reply).toMatchObject(error(/timed out/))
    reject(new Error('late'))
    await target.expectIntact()
  })

  test('fails for some keys of an MGET fails the MGET, and the other values are stored', async () => {
    const keys = Array.from({ length: 2000 }, (_, i) => `k${i}`)
    for (const [i, key] of keys.entries())
      loadsByKey.set(key, () => (i % 2 === 0 ? key : throwing(new Error(`no ${key}`))))
    const attacker = await target.connect('loaded')
    expect(await attacker.call('MGET', ...keys)).toMatchObject(error(/^ORIGIN loaded: no k\d+$/))
    expect(await attacker.call('EXISTS', ...keys)).toBe(1000)
    expect(await attacker.call('GET', 'k0')).toBe('k0')
    await target.expectIntact()
  })
})
