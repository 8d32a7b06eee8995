// The output of a node that has started: lines of the log, or a short overview on a terminal.

import type { Logger } from 'pino'
import { addressName } from '../cluster/member.ts'
import {
  clusterText,
  groupText,
  nonDefaultText,
  sourceText,
  totalBudget,
  valueText,
} from '../config/describe.ts'
import type { LoadedConfig } from '../config/file.ts'
import { version } from '../config/version.ts'
import { machineMemory } from '../server/machine-memory.ts'

/** The oldest release line of Node.js that comes close to the throughput of the newest one. */
const RECOMMENDED_NODE = 22

export interface Address {
  /** An address, or the path of a Unix socket. */
  readonly host: string
  /** 0 for a Unix socket. */
  readonly port: number
  readonly tls?: boolean
}

/** Logs the configuration, a line for each part. */
export function logConfig(log: Logger, loaded: LoadedConfig): void {
  const { config, sources } = loaded
  log.info({ pid: process.pid }, headline(loaded))
  config.groups.forEach((group, index) => {
    const { name, maxBytes, origin } = group
    const text = [groupText(group), nonDefaultText(group)].filter((part) => part !== '').join(', ')
    log.info({ index, maxBytes, origin: origin?.kind }, `group ${name}: ${text}`)
  })
  if (config.cluster !== undefined) log.info(`cluster: ${clusterText(config.cluster)}`)
  const sharing = config.groups.filter(({ maxBytes }) => maxBytes === config.maxmemory).length
  const usual = `a quarter of the machine's memory${sharing > 1 ? `, divided among ${sharing} groups` : ''}`
  const source = sources.get('maxmemory') ?? usual
  log.info(`budget of a group without maxBytes: ${valueText('maxmemory', config.maxmemory)} (${source})`)
}

/** Logs warnings about settings that work but could be better. */
export function logAdvice(log: Logger, { config }: LoadedConfig): void {
  const total = totalBudget(config.groups)
  if (total > machineMemory)
    log.warn({ total, machineMemory }, 'the budgets of all groups together exceed the memory of this machine')
  const advice = nodeAdvice(process.versions.node)
  if (advice !== undefined) log.info(advice)
}

/** The URL of the HTTP gateway, for a browser. */
export function httpText({ host, port, tls }: Address): string {
  return `${tls ? 'https' : 'http'}://${addressName(host, port)}`
}

/** A recommendation for an old Node.js. */
export function nodeAdvice(running: string): string | undefined {
  if (Number.parseInt(running, 10) >= RECOMMENDED_NODE) return undefined
  return `Node.js ${running} works; newer ones are supported and faster: 24 and 26 need 15-25 % less CPU per command`
}

/** The overview for a terminal. */
export function bannerText(
  loaded: LoadedConfig,
  addresses: readonly Address[],
  http: readonly Address[] = [],
): string {
  const { groups, cluster, needsLogin } = loaded.config
  const widest = Math.max(...groups.map(({ name }) => name.length))
  const rows: [title: string, lines: readonly string[]][] = [
    ['listening', [addresses.map(addressText).join(', ')]],
    [
      groups.length === 1 ? 'group' : 'groups',
      groups.map((group, index) => `${index} ${group.name.padEnd(widest)}  ${groupText(group)}`),
    ],
    ['http', http.length === 0 ? [] : [http.map(httpText).join(', ')]],
    ['cluster', cluster === undefined ? [] : [clusterText(cluster)]],
    ['try', [tryText(loaded, addresses[0], needsLogin)]],
  ]
  const lines = rows.flatMap(([title, texts]) =>
    texts.map((text, i) => `  ${(i === 0 ? title : '').padEnd(11)}${text}`),
  )
  return `${headline(loaded)}\n\n${lines.join('\n')}\n`
}

/** `127.0.0.1:7000`, `127.0.0.1:7001 with TLS`, `/run/erinys.sock`. */
export function addressText({ host, port, tls = false }: Address): string {
  return port === 0 ? host : `${addressName(host, port)}${tls ? ' with TLS' : ''}`
}

function headline(loaded: LoadedConfig): string {
  return `erinys ${version} on Node.js ${process.version}, ${sourceText(loaded)}`
}

/** A command to try; in the demo group it loads the key Tom. */
function tryText({ config }: LoadedConfig, address: Address, hasPassword: boolean): string {
  const [first] = config.groups
  const password = hasPassword ? ' --askpass' : ''
  const command = first?.origin?.kind === 'demo' ? 'GET Tom' : 'INFO groups'
  return `redis-cli${placeText(address, config)}${password} ${command}`
}

/** The options of redis-cli for an address. */
function placeText({ host, port, tls = false }: Address, config: LoadedConfig['config']): string {
  if (port === 0) return ` -s ${host}`
  const where = ['127.0.0.1', '::1', '0.0.0.0', '::'].includes(host) ? '' : ` -h ${host}`
  const { tlsCaCertFile, tlsAuthClients } = config
  const authority = tlsCaCertFile === '' ? '' : ` --cacert ${tlsCaCertFile}`
  const identity = tlsAuthClients === 'yes' ? ' --cert <file> --key <file>' : ''
  return `${where} -p ${port}${tls ? ` --tls${authority}${identity}` : ''}`
}
