// SQL origins for tests: options with defaults, and what they load as text.

import { expect } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { isBadRequest, type LoadContext, type OriginValue } from '../../../src/group/origin.ts'
import { KeyPattern } from '../../../src/origin/key-pattern.ts'
import { type SqlOptions, SqlOrigin } from '../../../src/origin/sql/sql.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import type { FaultyProxy } from '../../support/proxy.ts'

type Options = Partial<Omit<SqlOptions, 'keys'>> &
  Pick<SqlOptions, 'url' | 'query'> & { readonly keys?: string }

export function sqlOrigin({ keys, ...options }: Options): SqlOrigin {
  return new SqlOrigin({
    batchQuery: undefined,
    column: undefined,
    shape: 'string',
    lazy: false,
    pool: 4,
    tls: undefined,
    connectTimeout: PATIENT_MS,
    statementTimeout: PATIENT_MS,
    ...options,
    keys: keys === undefined ? undefined : new KeyPattern(keys),
  })
}

export function context(signal = new AbortController().signal): LoadContext {
  return { group: 'things', signal }
}

export async function textOf(origin: SqlOrigin, key: string, signal?: AbortSignal): Promise<string | null> {
  return asText(await origin.load(key, context(signal)))
}

/** The value of a key, or null. */
export async function bytesOf(origin: SqlOrigin, key: string): Promise<Buffer | null> {
  const value = await origin.load(key, context())
  return value === null || value === undefined ? null : Buffer.from(value as Uint8Array)
}

/** The outcome of a load or write: `bad` if the database rejects the key or value itself. */
export async function outcomeOf(asked: unknown): Promise<'taken' | 'bad' | 'failure'> {
  try {
    await asked
    return 'taken'
  } catch (error) {
    return isBadRequest(error) ? 'bad' : 'failure'
  }
}

/** The results of loadMany; errors as their messages. */
export async function bulk(origin: SqlOrigin, keys: readonly string[]): Promise<(string | null)[]> {
  const results = (await origin.loadMany?.(keys, context())) as readonly (OriginValue | Error)[]
  return results.map((result) => (result instanceof Error ? result.message : asText(result)))
}

/**
 * Connections of a pool that break together are one warning; those that break a second later are another.
 *
 * @param second the value of `user:2`
 */
export async function warnsOnceOfBroken(proxy: FaultyProxy, options: Options, second: string): Promise<void> {
  const clock = new ManualClock()
  const origin = sqlOrigin({ ...options, pool: 3, now: () => clock.now() })
  const warnings: string[] = []
  await origin.start({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
  /** Breaks all three idle connections, and resolves when the origin has new ones. */
  const breakAll = async (): Promise<void> => {
    await Promise.all(Array.from({ length: 20 }, () => textOf(origin, 'user:1')))
    expect(proxy.connections).toBe(3)
    proxy.cut()
    await expect.poll(() => textOf(origin, 'user:2').catch(() => 'broken')).toBe(second)
  }
  await breakAll()
  await breakAll()
  await expect.poll(() => warnings).toEqual([expect.stringMatching(/^a connection was lost: /)])
  clock.advance(1000)
  await breakAll()
  await expect.poll(() => warnings.length).toBe(2)
  await origin.close()
  await proxy.close()
}

function asText(value: OriginValue): string | null {
  return value === null || value === undefined ? null : Buffer.from(value as Uint8Array).toString()
}
