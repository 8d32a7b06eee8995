// Requests to the node that serves this page.

import type { DashboardState, KeyName, ShownValue } from './types.ts'

/** The error of a request; its text is for users. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const NO_ANSWER = 'The node does not answer.'

/** A node that hangs keeps the connection open: without a limit its last figures would look like present ones. */
const STATE_TIMEOUT_MS = 8000

export interface KeyPage {
  readonly keys: readonly KeyName[]
  /** '0': there are no more. */
  readonly cursor: string
}

export const api = {
  /** @param node another node than the one that serves the page */
  state: (node?: string): Promise<DashboardState> =>
    ask(
      'GET',
      node === undefined ? '/dashboard/state' : `/dashboard/state?${new URLSearchParams({ node })}`,
      STATE_TIMEOUT_MS,
    ),

  keys(group: string, match: string, cursor: string): Promise<KeyPage> {
    const query = new URLSearchParams({ match, cursor })
    return ask('GET', `/dashboard/keys/${part(group)}?${query}`)
  },

  /** @param key percent-encoded */
  value: (group: string, key: string): Promise<ShownValue> =>
    ask('GET', `/dashboard/value/${part(group)}/${keyPath(key)}`),

  invalidate: (group: string, key: string): Promise<{ readonly removed: number }> =>
    ask('POST', `/dashboard/invalidate/${part(group)}/${keyPath(key)}`),

  invalidateTag: (group: string, tag: string): Promise<unknown> =>
    ask('POST', `/dashboard/invalidate-tag/${part(group)}?${new URLSearchParams({ tag })}`),

  flush: (group: string): Promise<unknown> => ask('POST', `/dashboard/flush/${part(group)}`),

  drain: (): Promise<unknown> => ask('POST', '/dashboard/drain'),
}

/** What a person typed as a key, percent-encoded; `\x00` is a byte, as keys are shown. */
export function typedKey(text: string): string {
  return text
    .split(/(\\x[0-9a-fA-F]{2})/)
    .map((piece) => (/^\\x[0-9a-fA-F]{2}$/.test(piece) ? `%${piece.slice(2)}` : encodeURIComponent(piece)))
    .join('')
}

/** The end of a path: browsers take dots in it for folders. */
function keyPath(key: string): string {
  return key === '.' || key === '..' ? `?key=${key}` : key
}

function part(name: string): string {
  return encodeURIComponent(name)
}

async function ask<Answer>(method: 'GET' | 'POST', path: string, timeoutMs?: number): Promise<Answer> {
  const waiting = new AbortController()
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => waiting.abort(), timeoutMs)
  try {
    const { signal } = waiting
    const response = await fetch(path, { method, headers: { Accept: 'application/json' }, signal })
    const body: unknown = await response.json().catch(() => undefined)
    if (signal.aborted) throw new ApiError(0, NO_ANSWER)
    if (response.ok && body !== undefined) return body as Answer
    const { detail } = (body ?? {}) as { readonly detail?: string }
    throw new ApiError(response.status, detail ?? `The node answered ${response.status}.`)
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0, NO_ANSWER)
  } finally {
    clearTimeout(timer)
  }
}
