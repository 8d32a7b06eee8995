// What a configuration means, in words: for the banner and for `erinys check`.

import { formatDuration, formatSize } from './bytes/units.ts'
import type { LoadedConfig } from './config-file.ts'
import type { GroupPolicy } from './group/group.ts'
import {
  kebabName,
  machineMemory,
  type Setting,
  type SettingName,
  settingNames,
  settings,
} from './settings.ts'

/** `127.0.0.1:7000`, `[::1]:7000`. */
export function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** `64mb, origin demo, absent keys for 5s`: what a group has and does. */
export function groupText(group: GroupPolicy): string {
  const { ttlMs, jitter, origin, negativeTtlMs, originTimeoutMs } = group
  const spread = jitter === 0 ? '' : ` less up to ${Number((jitter * 100).toFixed(2))}%`
  const parts = [formatSize(group.maxBytes)]
  if (ttlMs > 0) parts.push(`ttl ${formatDuration(ttlMs)}${spread}`)
  if (origin === undefined) return [...parts, 'no origin'].join(', ')
  parts.push(
    `origin ${origin.kind} within ${originTimeoutMs === 0 ? 'any time' : formatDuration(originTimeoutMs)}`,
  )
  parts.push(
    negativeTtlMs === 0 ? 'absent keys not kept' : `absent keys kept for ${formatDuration(negativeTtlMs)}`,
  )
  return parts.join(', ')
}

/** Where the configuration came from. */
export function sourceText({ file }: LoadedConfig): string {
  return file ?? 'no configuration file, defaults'
}

/** Every group and every setting, with where the setting comes from, ready to be printed. */
export function describeConfig(loaded: LoadedConfig): string {
  const { config, sources } = loaded
  const addresses = config.bind.map(
    ({ host, optional }) => `${addressText(host, config.port)}${optional ? ' (if it is there)' : ''}`,
  )
  const total = config.groups.reduce((sum, { maxBytes }) => sum + maxBytes, 0)
  const widest = Math.max(...config.groups.map(({ name }) => name.length))
  return [
    `Valid: ${sourceText(loaded)}`,
    '',
    `Listens on ${addresses.join(', ')}, ${config.requirepass === '' ? 'without a password' : 'with a password'}.`,
    '',
    'Groups:',
    ...config.groups.map((group, index) => `  ${index}  ${group.name.padEnd(widest)}  ${groupText(group)}`),
    `Together ${formatSize(total)} of the ${formatSize(machineMemory)} of memory here${
      total > machineMemory ? ': MORE THAN THERE IS' : ''
    }.`,
    '',
    'Settings:',
    ...settingNames.map((name) => {
      const source = sources.get(name)
      const value = valueText(name, config[name])
      return `  ${kebabName(name).padEnd(28)}${value}${source === undefined ? '' : `  (${source})`}`
    }),
  ].join('\n')
}

/** A setting's value as a person would write it. */
export function valueText(name: SettingName, value: unknown): string {
  const { write } = settings[name] as Setting<unknown, unknown>
  return write(value)
}
