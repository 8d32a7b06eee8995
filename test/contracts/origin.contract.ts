// The contract of every origin.

import { describe, expect, test } from 'vitest'
import { type LoadContext, Loaded, type Origin, type OriginResult } from '../../src/group/origin.ts'
import type { FaultyProxy } from '../support/proxy.ts'

/** The contents of an origin; null is a key that does not exist. */
export type Contents = ReadonlyMap<string, string | Uint8Array | null>

/** An origin with the requested contents, the faults of its source, and its disposal. */
export interface OriginUnderTest {
  readonly origin: Origin
  /** Makes the source fail every load until `mend`; for origins with an external source. */
  fail?(): Promise<void> | void
  mend?(): Promise<void> | void
  /** Makes the source answer nothing until `mend`. */
  stall?(): Promise<void> | void
  /** Makes a remote source answer byte by byte; inserts invalid bytes into its answer. */
  drip?(): void
  garble?(): void
  dispose?(): Promise<void> | void
}

export interface ContractOptions {
  /** Its values can be any bytes. */
  readonly bytes?: boolean
  /** It has `loadMany`. */
  readonly batches?: boolean
  /** Its source can fail and can stall. */
  readonly faults?: boolean
  /** It stores and removes. */
  readonly writes?: boolean
}

/** Faults of a source that is reached through a proxy. */
export function behind(proxy: FaultyProxy): Omit<OriginUnderTest, 'origin'> {
  return {
    fail: () => proxy.refuse(),
    mend: () => proxy.heal(),
    stall: () => proxy.silence(),
    drip: () => proxy.sendByteByByte(),
    garble: () => proxy.inject(NONSENSE, 'back'),
    dispose: () => proxy.close(),
  }
}

/** Invalid in every protocol; complete messages by their lengths, so that no client waits for the rest. */
const NONSENSE = Buffer.alloc(300, '\xff\x00\x00\x00\x04nonsense', 'latin1')

type Given = [string, string | Uint8Array | null][]

/** Every byte value twice; not UTF-8. */
const BYTES = Uint8Array.from({ length: 512 }, (_, i) => i & 255)

function contextOf(signal = new AbortController().signal): LoadContext {
  return { group: 'scores', signal }
}

/** Runs the suite on origins that `create` makes with the given contents. */
export function originContract(
  name: string,
  create: (contents: Contents) => Promise<OriginUnderTest> | OriginUnderTest,
  { bytes = false, batches = false, faults = false, writes = false }: ContractOptions = {},
): void {
  async function using<T>(contents: Given, body: (under: OriginUnderTest) => Promise<T>): Promise<T> {
    const under = await create(new Map(contents))
    const warnings: string[] = []
    await under.origin.start?.({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
    expect(warnings).toEqual([])
    try {
      return await body(under)
    } finally {
      await under.origin.close?.()
      await under.dispose?.()
    }
  }

  /** Loads keys through an origin made for the contents, as text, one by one and together. */
  function load(contents: Given, ...keys: string[]): Promise<(string | null)[]> {
    return using(contents, async ({ origin }) => {
      const results = (await Promise.all(keys.map((key) => origin.load(key, contextOf())))).map(asText)
      expect(origin.loadMany !== undefined).toBe(batches)
      if (origin.loadMany === undefined) return results
      expect((await loadMany(origin, keys)).map(asText)).toEqual(results)
      return results
    })
  }

  describe(`${name} as an origin`, () => {
    test('names its kind', async () => {
      await using([], async ({ origin }) => expect(origin.kind).toMatch(/^[a-z]+$/))
    })

    test('loads an existing key', async () => {
      expect(await load([['Tom', '630']], 'Tom')).toEqual(['630'])
    })

    test('returns null for a key that does not exist', async () => {
      expect(await load([['Tom', '630']], 'Jack', '', 'tom')).toEqual([null, null, null])
    })

    test('returns null for a key that the source lists as absent', async () => {
      expect(await load([['Tom', null]], 'Tom')).toEqual([null])
    })

    test('distinguishes an empty value from no value', async () => {
      expect(await load([['empty', '']], 'empty', 'none')).toEqual(['', null])
    })

    test('names that objects inherit are keys like any other', async () => {
      const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
      expect(await load([['Tom', '630']], ...names)).toEqual([null, null, null, null])
      expect(
        await load(
          names.map((name) => [name, `value of ${name}`]),
          ...names,
        ),
      ).toEqual(names.map((name) => `value of ${name}`))
    })

    test('distinguishes keys of any characters', async () => {
      const keys = [
        'a b',
        'a\nb',
        'ключ',
        '鍵',
        '🔑',
        'a:b:{c}',
        '\'quoted"',
        'a/../b',
        '%00',
        '..',
        'k'.repeat(500),
      ]
      expect(
        await load(
          keys.map((key, i) => [key, String(i)]),
          ...keys,
        ),
      ).toEqual(keys.map((_, i) => String(i)))
    })

    test('loads long values', async () => {
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

    test.runIf(batches)('distinguishes existing and missing keys in a batch', async () => {
      expect(
        await load(
          [
            ['a', '1'],
            ['b', null],
            ['c', ''],
          ],
          'c',
          'none',
          'a',
          'b',
        ),
      ).toEqual(['', null, '1', null])
    })

    test.runIf(bytes)('loads bytes unchanged', async () => {
      await using([['bytes', BYTES]], async ({ origin }) => {
        expect(asBytes(await origin.load('bytes', contextOf()))).toEqual(Buffer.from(BYTES))
        if (origin.loadMany === undefined) return
        const [value] = await loadMany(origin, ['bytes', 'none'])
        expect(asBytes(value)).toEqual(Buffer.from(BYTES))
      })
    })

    test.runIf(faults)(
      'rejects with a message when the source fails, and loads again when it recovers',
      async () => {
        await using([['Tom', '630']], async ({ origin, fail, mend }) => {
          expect(asText(await origin.load('Tom', contextOf()))).toBe('630')
          await fail?.()
          const failures = [async () => origin.load('Tom', contextOf())]
          if (origin.loadMany) failures.push(async () => loadMany(origin, ['Tom', 'Jack']) as never)
          for (const failure of failures) await expect(failure()).rejects.toThrow(/\w{3}/)
          await mend?.()
          await expect.poll(async () => asText(await origin.load('Tom', contextOf()))).toBe('630')
        })
      },
    )

    test.runIf(faults)('loads values that arrive byte by byte', async () => {
      await using(
        [
          ['Tom', '630'],
          ['Jack', '589'],
        ],
        async ({ origin, drip }) => {
          drip?.()
          expect(asText(await origin.load('Tom', contextOf()))).toBe('630')
          if (origin.loadMany === undefined) return
          expect((await loadMany(origin, ['Jack', 'none', 'Tom'])).map(asText)).toEqual(['589', null, '630'])
        },
      )
    })

    test.runIf(faults)(
      'returns no wrong value when the source sends invalid bytes, and the right one afterwards',
      async () => {
        await using([['Tom', '630']], async ({ origin, garble }) => {
          expect(asText(await origin.load('Tom', contextOf()))).toBe('630')
          garble?.()
          const load = async (): Promise<string | null> => asText(await origin.load('Tom', contextOf()))
          expect(await load().catch(() => 'an error')).toMatch(/^(630|an error)$/)
          await expect.poll(load).toBe('630')
        })
      },
    )

    test.runIf(writes)('stores values unchanged, and replaces existing ones', async () => {
      const values = [
        '',
        '0',
        'null',
        'NULL',
        "'); --",
        'a\\b\\x41',
        '\\x4142',
        'välue',
        '🔑',
        'a\0b',
        '[1]',
        '{}',
      ]
      const bytes = [...values.map((value) => Buffer.from(value)), Buffer.from(BYTES), Buffer.from([0xff])]
      await using([['key 0', 'before']], async ({ origin }) => {
        for (const [i, value] of bytes.entries()) await origin.store?.(`key ${i}`, value, contextOf())
        for (const [i, value] of bytes.entries())
          expect(asBytes(await origin.load(`key ${i}`, contextOf()))).toEqual(value)
        for (const value of bytes) {
          await origin.store?.('key', value, contextOf())
          expect(asBytes(await origin.load('key', contextOf()))).toEqual(value)
        }
      })
    })

    test.runIf(writes)('stores and removes keys of any characters', async () => {
      const keys = ['a b', 'a/b', 'ключ', '🔑', "'", '"', '\\x41', '%', '?', '$1', '{a}', 'k'.repeat(500)]
      await using([], async ({ origin }) => {
        await Promise.all(keys.map((key) => origin.store?.(key, Buffer.from(`of ${key}`), contextOf())))
        for (const key of keys) expect(asText(await origin.load(key, contextOf()))).toBe(`of ${key}`)
        for (const key of keys) {
          await origin.remove?.(key, contextOf())
          expect(asText(await origin.load(key, contextOf()))).toBe(null)
        }
      })
    })

    test.runIf(writes)('removes existing and missing keys', async () => {
      await using(
        [
          ['Tom', '630'],
          ['Jack', '589'],
        ],
        async ({ origin }) => {
          for (const key of ['Tom', 'Tom', 'none']) await origin.remove?.(key, contextOf())
          expect(asText(await origin.load('Tom', contextOf()))).toBe(null)
          expect(asText(await origin.load('Jack', contextOf()))).toBe('589')
        },
      )
    })

    test.runIf(writes && faults)('rejects writes with a message when the source fails', async () => {
      await using([], async ({ origin, fail, mend }) => {
        await fail?.()
        await expect((async () => origin.store?.('Tom', Buffer.from('1'), contextOf()))()).rejects.toThrow(
          /\w{3}/,
        )
        await expect((async () => origin.remove?.('Tom', contextOf()))()).rejects.toThrow(/\w{3}/)
        await mend?.()
        await expect
          .poll(async () => {
            await origin.store?.('Tom', Buffer.from('2'), contextOf())
            return 'stored'
          })
          .toBe('stored')
        expect(asText(await origin.load('Tom', contextOf()))).toBe('2')
      })
    })

    test.runIf(writes && faults)('aborts a write when its signal is aborted', async () => {
      await using([['Tom', '630']], async ({ origin, stall, mend }) => {
        expect(asText(await origin.load('Tom', contextOf()))).toBe('630')
        await stall?.()
        const controller = new AbortController()
        const context = contextOf(controller.signal)
        const written = [
          (async () => origin.store?.('Tom', Buffer.from('1'), context))(),
          (async () => origin.remove?.('Jack', context))(),
        ]
        setImmediate(() => controller.abort(new Error('no longer wanted')))
        for (const write of written) await expect(write).rejects.toThrow('no longer wanted')
        await mend?.()
      })
    })

    test.runIf(faults)('aborts a load when its signal is aborted', async () => {
      await using([['Tom', '630']], async ({ origin, stall, mend }) => {
        expect(asText(await origin.load('Tom', contextOf()))).toBe('630')
        await stall?.()
        const controller = new AbortController()
        const loads = [(async () => origin.load('Tom', contextOf(controller.signal)))()]
        if (origin.loadMany) loads.push(loadMany(origin, ['Tom', 'Jack'], controller.signal) as never)
        setImmediate(() => controller.abort(new Error('no longer wanted')))
        for (const load of loads) await expect(load).rejects.toThrow('no longer wanted')
        await mend?.()
      })
    })
  })
}

/** As an array in the order of the keys. */
async function loadMany(
  origin: Origin,
  keys: readonly string[],
  signal?: AbortSignal,
): Promise<(OriginResult | Error)[]> {
  const results = await origin.loadMany?.(keys, contextOf(signal))
  if (results === undefined) return []
  if (!(results instanceof Map)) return [...(results as readonly (OriginResult | Error)[])]
  return keys.map((key) => results.get(key))
}

function asBytes(result: OriginResult | Error): Buffer | null {
  if (result instanceof Error) throw result
  const value = result instanceof Loaded ? result.value : result
  return value === null || value === undefined ? null : Buffer.from(value as Uint8Array)
}

function asText(result: OriginResult | Error): string | null {
  return asBytes(result)?.toString() ?? null
}
