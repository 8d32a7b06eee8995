// The samples of `erinys top`: INFO, HOTKEYS and SLOWLOG of a node, as objects.

import { type Address, parseAddress } from '../../cluster/member.ts'

/** The counters and contents of a group on one node, by the names of INFO's section `groups`. */
export interface GroupSample {
  readonly name: string
  /** Figures by field: `hits`, `load_p50_ms`. */
  readonly figures: Readonly<Record<string, number>>
  readonly breaker: string
}

export interface HotKeySample {
  readonly group: string
  readonly key: string
  readonly rate: number
  readonly percent: number
  readonly node: string
}

export interface SlowSample {
  readonly second: number
  readonly micros: number
  readonly command: string
}

export interface NodeSample {
  /** When it was read, ms of a monotonic clock. */
  readonly at: number
  /** 'host:port' */
  readonly address: string
  /** Fields of INFO. */
  readonly info: Readonly<Record<string, string>>
  readonly groups: readonly GroupSample[]
  /** The other members of its cluster. */
  readonly peers: readonly Peer[]
  readonly hotKeys: readonly HotKeySample[]
  readonly slow: readonly SlowSample[]
}

/** Another member: its name, and where clients reach it. */
interface Peer extends Address {
  readonly name: string
}

/** The client of a node that samples are read with. */
export interface NodeClient {
  call(command: string, ...args: string[]): Promise<unknown>
}

const SECTIONS = ['server', 'clients', 'memory', 'stats', 'cpu', 'cluster', 'groups']
/** Entries of the slow log that are read. */
const SLOW_ENTRIES = 8

/**
 * Reads a node. A command that the user may not run leaves its part empty.
 * @param byTls whether the other members are reached with TLS
 */
export async function readNode(
  address: string,
  client: NodeClient,
  now: () => number,
  byTls: boolean,
): Promise<NodeSample> {
  const optional = (command: string, ...args: string[]): Promise<unknown> =>
    client.call(command, ...args).catch((error: Error) => {
      // A reply, such as NOPERM; not a connection that broke.
      if (error.name === 'ReplyError') return []
      throw error
    })
  const [text, hotKeys, slow] = await Promise.all([
    client.call('INFO', ...SECTIONS),
    optional('HOTKEYS'),
    optional('SLOWLOG', 'GET', String(SLOW_ENTRIES)),
  ])
  const info = fieldsOf(String(text))
  return {
    at: now(),
    address,
    info,
    groups: groupsOf(info),
    peers: peersOf(info, byTls),
    hotKeys: (hotKeys as unknown[][]).map(([group, key, rate, percent, node]) => ({
      group: String(group),
      key: String(key),
      rate: Number(rate),
      percent: Number(percent),
      node: String(node),
    })),
    slow: (slow as unknown[][]).map(([, second, micros, args]) => ({
      second: Number(second),
      micros: Number(micros),
      command: (args as unknown[]).map(String).join(' '),
    })),
  }
}

/** The fields of a reply to INFO. */
export function fieldsOf(text: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0 && !line.startsWith('#')) fields[line.slice(0, colon)] = line.slice(colon + 1)
  }
  return fields
}

function groupsOf(info: Readonly<Record<string, string>>): GroupSample[] {
  const groups: GroupSample[] = []
  for (let i = 0; info[`group${i}`] !== undefined; i++) {
    // A name may have commas; no field before `keys` follows it.
    const [, name, rest] = /^name=(.*?),(keys=.*)$/.exec(info[`group${i}`]) ?? []
    if (name === undefined) continue
    const values = valuesOf(rest)
    const figures = Object.fromEntries(Object.entries(values).map(([field, value]) => [field, Number(value)]))
    groups.push({ name, figures, breaker: values.breaker ?? 'none' })
  }
  return groups
}

function peersOf(info: Readonly<Record<string, string>>, byTls: boolean): Peer[] {
  const peers: Peer[] = []
  for (let i = 0; info[`peer${i}`] !== undefined; i++) {
    const { name = '', port, tls_port } = valuesOf(info[`peer${i}`])
    const address = parseAddress(name)
    // Nodes of an older version do not tell their ports.
    const own = Number(byTls ? tls_port : port) || address?.port
    if (address !== undefined && own !== undefined) peers.push({ name, host: address.host, port: own })
  }
  return peers
}

/** `a=1,b=2` as an object. */
function valuesOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((pair) => pair.split('=', 2) as [string, string]))
}
