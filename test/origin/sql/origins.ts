// SQL origins for tests: options with defaults, and what they load as text.

import { isBadRequest, type LoadContext, type OriginValue } from '../../../src/group/origin.ts'
import { KeyPattern } from '../../../src/origin/key-pattern.ts'
import { type SqlOptions, SqlOrigin } from '../../../src/origin/sql.ts'

type Options = Partial<Omit<SqlOptions, 'keys'>> &
  Pick<SqlOptions, 'url' | 'query'> & { readonly keys?: string }

export function sqlOrigin({ keys, ...options }: Options): SqlOrigin {
  return new SqlOrigin({
    batchQuery: undefined,
    column: undefined,
    lazy: false,
    pool: 4,
    tls: undefined,
    connectTimeout: 2000,
    statementTimeout: 5000,
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

/** What a key holds, or null. */
export async function bytesOf(origin: SqlOrigin, key: string): Promise<Buffer | null> {
  const value = await origin.load(key, context())
  return value === null || value === undefined ? null : Buffer.from(value)
}

/** What became of a load or a write: whether it is the key or the value that the database refuses. */
export async function outcomeOf(asked: unknown): Promise<'taken' | 'bad' | 'failure'> {
  try {
    await asked
    return 'taken'
  } catch (error) {
    return isBadRequest(error) ? 'bad' : 'failure'
  }
}

/** What loadMany gives; an error as its message. */
export async function bulk(origin: SqlOrigin, keys: readonly string[]): Promise<(string | null)[]> {
  const results = (await origin.loadMany?.(keys, context())) as readonly (OriginValue | Error)[]
  return results.map((result) => (result instanceof Error ? result.message : asText(result)))
}

function asText(value: OriginValue): string | null {
  return value === null || value === undefined ? null : Buffer.from(value).toString()
}
