// What a setting of a node is, and what settings of one kind share: a default, and how a value is shown.

import { formatDuration } from '../bytes/units.ts'
import type { BindAddress } from '../server/settings.ts'
import type { Reader } from './readers.ts'

/**
 * One setting. Its key in `settings` is its field in a configuration file; in kebab case it is the flag and
 * Redis's name (`--tcp-keepalive`, `CONFIG GET tcp-keepalive`), in upper case the variable (`ERINYS_TCP_KEEPALIVE`).
 */
export interface Setting<Output, Input> {
  readonly reads: Reader<Output, Input>
  readonly fallback: Output
  /** The argument of the flag, for the help. */
  readonly argument: string
  readonly summary: string
  /** The default in words, if that is clearer than its value. */
  readonly fallbackText?: string
  /** A relative path: it starts at the folder of the configuration file, or at the working directory. */
  readonly isPath?: boolean
  readonly write: (value: Output) => string
}

/** This machine only. */
export const LOOPBACK: readonly BindAddress[] = [
  { host: '127.0.0.1', optional: false },
  { host: '::1', optional: true },
]

export const asAddresses = (list: readonly BindAddress[]): string =>
  list.map(({ host, optional }) => (optional ? `-${host}` : host)).join(' ')
export const asDuration = (ms: number): string => (ms === 0 ? '0' : formatDuration(ms))
export const asPath = (path: string): string => (path === '' ? 'none' : path)
export const asSecret = (text: string): string => (text === '' ? 'none' : 'set, not shown')
export const asYesNo = (on: boolean): string => (on ? 'yes' : 'no')

export function setting<Output, Input>(spec: Setting<Output, Input>): Setting<Output, Input> {
  return spec
}
