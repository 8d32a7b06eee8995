import { expect, test } from 'vitest'
import type { ChangeListener, LoadContext, OriginLog } from '../../src/group/origin.ts'
import { functionOrigin } from '../../src/origin/function.ts'
import { originContract } from '../contracts/origin.contract.ts'
import { RecordingListener } from '../support/recording-listener.ts'

const context: LoadContext = { group: 'scores', signal: new AbortController().signal }

originContract('a function', (contents) => ({ origin: functionOrigin((key) => contents.get(key)) }))

originContract('an async function', (contents) => ({
  origin: functionOrigin(async (key) => contents.get(key)),
}))

originContract('an object with load', (contents) => ({
  origin: functionOrigin({ load: (key) => contents.get(key) }),
}))

originContract(
  'a function that returns bytes',
  (contents) => ({
    origin: functionOrigin((key) => {
      const value = contents.get(key)
      return typeof value === 'string' ? Buffer.from(value) : value
    }),
  }),
  { bytes: true },
)

originContract(
  'an object with loadMany that returns an array',
  (contents) => ({
    origin: functionOrigin({
      load: (key) => contents.get(key),
      loadMany: (keys) => keys.map((key) => contents.get(key)),
    }),
  }),
  { bytes: true, batches: true },
)

originContract(
  'an object with loadMany that returns a Map',
  (contents) => ({
    origin: functionOrigin({
      load: (key) => contents.get(key),
      loadMany: async (keys) =>
        new Map(keys.filter((key) => contents.has(key)).map((key) => [key, contents.get(key)])),
    }),
  }),
  { bytes: true, batches: true },
)

originContract(
  'an object with store and remove',
  (contents) => {
    const values = new Map(contents)
    return {
      origin: functionOrigin({
        load: (key) => values.get(key),
        store: (key, value: Uint8Array) => void values.set(key, value),
        remove: (key) => void values.delete(key),
      }),
    }
  },
  { bytes: true, writes: true },
)

test('the function gets the group and the abort signal', () => {
  let seen: LoadContext | undefined
  const origin = functionOrigin((_, given) => {
    seen = given
    return null
  })
  origin.load('Tom', context)
  expect(seen).toBe(context)
})

test("an object's load is called with its `this`, and the object names its kind", async () => {
  class Scores {
    readonly kind = 'scores'
    closed = false
    readonly #scores = new Map([['Tom', '630']])
    load(key: string): string | undefined {
      return this.#scores.get(key)
    }
    close(): void {
      this.closed = true
    }
  }
  const scores = new Scores()
  const origin = functionOrigin(scores)
  expect(origin.kind).toBe('scores')
  expect(origin.load('Tom', context)).toBe('630')
  await origin.close?.()
  expect(scores.closed).toBe(true)
})

test("an object's listen is called with its `this`, and reports changes", async () => {
  class Scores {
    readonly #scores = new Map([['Tom', '630']])
    #listener: ChangeListener | undefined
    load(key: string): string | undefined {
      return this.#scores.get(key)
    }
    listen(listener: ChangeListener): void {
      this.#listener = listener
    }
    change(key: string, score: string): void {
      this.#scores.set(key, score)
      this.#listener?.key(Buffer.from(key))
    }
  }
  const scores = new Scores()
  const listener = new RecordingListener()
  await functionOrigin(scores).listen?.(listener)
  scores.change('Tom', '631')
  expect(listener.events).toEqual(['key Tom'])
  expect(functionOrigin(() => null).listen).toBe(undefined)
})

test('an exception of the function is the error of the load', async () => {
  const boom = new Error('boom')
  expect(() =>
    functionOrigin(() => {
      throw boom
    }).load('Tom', context),
  ).toThrow(boom)
  await expect(
    functionOrigin(async () => {
      throw boom
    }).load('Tom', context),
  ).rejects.toBe(boom)
})

test("an object's start and loadMany are called with its `this`", async () => {
  const warnings: string[] = []
  class Scores {
    #started = false
    start(log: OriginLog): void {
      this.#started = true
      log.warn({}, 'started')
    }
    load(): string {
      return String(this.#started)
    }
    loadMany(keys: readonly string[]): string[] {
      return keys.map(() => String(this.#started))
    }
  }
  const origin = functionOrigin(new Scores())
  await origin.start?.({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
  expect(await origin.loadMany?.(['a', 'b'], context)).toEqual(['true', 'true'])
  expect(warnings).toEqual(['started'])
  expect(functionOrigin(() => null).loadMany).toBe(undefined)
})
