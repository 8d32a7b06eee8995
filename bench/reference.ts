// The commands and settings of the sources as Markdown tables.

import { kebabName } from '../src/bytes/names.ts'
import type { CommandSpec } from '../src/commands/spec/command.ts'
import { syntaxOf } from '../src/commands/spec/container.ts'
import { clusterSettingNames, clusterSettings } from '../src/config/cluster-settings.ts'
import { clusterFallbackText, httpFallbackText, valueText } from '../src/config/describe.ts'
import { httpSettingNames, httpSettings } from '../src/config/http-settings.ts'
import { settingNames, settings, variableName } from '../src/config/settings.ts'
import { createCommandTable } from '../src/execution/table.ts'
import { allRoutes } from '../src/http/routes/table.ts'

const FAMILIES: readonly (readonly [group: CommandSpec['group'], title: string])[] = [
  ['string', 'Strings'],
  ['bitmap', 'Bitmaps'],
  ['hash', 'Hashes'],
  ['set', 'Sets'],
  ['sorted-set', 'Sorted sets'],
  ['geo', 'Geo'],
  ['list', 'Lists'],
  ['stream', 'Streams'],
  ['hyperloglog', 'HyperLogLogs'],
  ['generic', 'Keys'],
  ['transactions', 'Transactions'],
  ['connection', 'Connections'],
  ['server', 'Server'],
  ['cluster', 'Cluster'],
  ['erinys', "Erinys's own"],
]

const HEAD = ['Field', 'Flag', 'Variable', 'Default', 'Meaning'] as const

/** Every command, by family: a table if some of them load, otherwise a list. */
export function commandReference(): string {
  const specs = createCommandTable().all.map(({ spec }) => spec)
  return FAMILIES.map(([group, title]) => {
    const family = specs.filter((spec) => spec.group === group)
    const asks = family.some(({ load }) => load !== undefined)
    return `**${title}**\n\n${asks ? missTable(family) : list(family)}`
  }).join('\n\n')
}

/** Every setting: its name in each place, its default and its meaning. */
export function settingReference(): string {
  const rows = settingNames.map((name) => {
    const { argument, summary, fallback, fallbackText } = settings[name]
    const standard = fallbackText ?? code(valueText(name, fallback))
    const flag = code(`--${kebabName(name)} ${argument}`)
    return [code(name), flag, code(variableName(name)), standard, summary]
  })
  return table(HEAD, rows)
}

/** The same for the settings of a cluster. */
export function clusterReference(): string {
  const rows = clusterSettingNames.map((name) => {
    const { field, argument, summary, fallbackText } = clusterSettings[name]
    const standard = fallbackText ?? code(clusterFallbackText(name))
    const flag = code(`--${kebabName(name)} ${argument}`)
    return [code(`cluster.${field}`), flag, code(variableName(name)), standard, summary]
  })
  return table(HEAD, rows)
}

/** The same for the settings of the HTTP gateway. */
export function httpReference(): string {
  const rows = httpSettingNames.map((name) => {
    const { field, argument, summary, fallbackText } = httpSettings[name]
    const standard = fallbackText ?? code(httpFallbackText(name))
    const flag = code(`--${kebabName(name)} ${argument}`)
    return [code(`http.${field}`), flag, code(variableName(name)), standard, summary]
  })
  return table(HEAD, rows)
}

/** Every route of the HTTP gateway. */
export function routeReference(): string {
  const rows = allRoutes().map(({ method, path, summary, access }) => [
    code(`${method} ${path.replace(/\{(\w+)\*?\}/g, '<$1>')}`),
    summary,
    access === 'public' ? 'none' : code(access.command.replace('|', ' ').toUpperCase()),
  ])
  return table(['Route', 'What it does', 'Permission'], rows)
}

/** A Markdown table; `|` within a cell is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

function missTable(specs: readonly CommandSpec[]): string {
  return table(
    ['Command', 'On a miss'],
    specs.map((spec) => [code(syntaxOf(spec)), onMiss(spec)]),
  )
}

function onMiss({ load }: CommandSpec): string {
  if (load === undefined) return ''
  if (load === 'through') return 'loads'
  return load === 'first' ? 'loads first' : 'depends on the options'
}

function list(specs: readonly CommandSpec[]): string {
  const item = (spec: CommandSpec): string => {
    const own = `- ${code(syntaxOf(spec))}`
    if (spec.subcommands === undefined) return own
    return `${own}: ${spec.subcommands.map(({ name }) => code(name.toUpperCase())).join(' ')}`
  }
  return specs.map(item).join('\n')
}

function code(text: string): string {
  return `\`${text}\``
}
