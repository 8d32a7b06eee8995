// What every origin must do, whatever its kind.

import { describe, expect, test } from 'vitest'
import { type LoadContext, Loaded, type Origin, type OriginResult } from '../../src/group/origin.ts'

/** An origin that holds what the suite asked for, and how to be rid of it. */
export interface OriginUnderTest {
  readonly origin: Origin
  dispose?(): Promise<void> | void
}

const context: LoadContext = { group: 'scores', signal: new AbortController().signal }

/** Runs the suite on origins that `create` makes with the given contents; null is a key that does not exist. */
export function originContract(
  name: string,
  create: (contents: ReadonlyMap<string, string | null>) => Promise<OriginUnderTest> | OriginUnderTest,
): void {
  /** Loads keys through an origin made for the contents, as text. */
  async function load(contents: [string, string | null][], ...keys: string[]): Promise<(string | null)[]> {
    const { origin, dispose } = await create(new Map(contents))
    try {
      return (await Promise.all(keys.map((key) => origin.load(key, context)))).map(asText)
    } finally {
      await origin.close?.()
      await dispose?.()
    }
  }

  describe(`${name} as an origin`, () => {
    test('names its kind', async () => {
      const { origin, dispose } = await create(new Map())
      expect(origin.kind).toMatch(/^[a-z]+$/)
      await origin.close?.()
      await dispose?.()
    })

    test('loads what is there', async () => {
      expect(await load([['Tom', '630']], 'Tom')).toEqual(['630'])
    })

    test('says that a key does not exist', async () => {
      expect(await load([['Tom', '630']], 'Jack', '', 'tom')).toEqual([null, null, null])
    })

    test('says that a key which is known to be absent does not exist', async () => {
      expect(await load([['Tom', null]], 'Tom')).toEqual([null])
    })

    test('keeps an empty value apart from none', async () => {
      expect(await load([['empty', '']], 'empty', 'none')).toEqual(['', null])
    })

    test('takes names of the language as keys like any other', async () => {
      const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
      expect(await load([['Tom', '630']], ...names)).toEqual([null, null, null, null])
      expect(
        await load(
          names.map((name) => [name, `value of ${name}`]),
          ...names,
        ),
      ).toEqual(names.map((name) => `value of ${name}`))
    })

    test('tells apart keys of any letters', async () => {
      const keys = ['a b', 'a\nb', 'ключ', '鍵', '🔑', 'a:b:{c}', '\'quoted"', 'k'.repeat(500)]
      expect(
        await load(
          keys.map((key, i) => [key, String(i)]),
          ...keys,
        ),
      ).toEqual(keys.map((_, i) => String(i)))
    })

    test('gives long values whole', async () => {
      const value = 'välue '.repeat(100_000)
      expect(await load([['long', value]], 'long')).toEqual([value])
    })

    test('loads many keys at once', async () => {
      const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
      expect(
        await load(
          keys.map((key) => [key, `${key}!`]),
          ...keys,
        ),
      ).toEqual(keys.map((key) => `${key}!`))
    })
  })
}

function asText(result: OriginResult): string | null {
  const value = result instanceof Loaded ? result.value : result
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? value : Buffer.from(value).toString()
}
