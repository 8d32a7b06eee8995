// INFO: the state of the node as text, in Redis's sections.

import { clusterSection } from '../cluster/info.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg } from '../spec/shorthand.ts'
import {
  clientsSection,
  cpuSection,
  type Fields,
  groupsSection,
  keyspaceSection,
  memorySection,
  persistenceSection,
  replicationSection,
  serverSection,
  tlsSection,
} from './info-sections.ts'
import {
  commandStatsSection,
  errorStatsSection,
  latencyStatsSection,
  statsSection,
} from './info-statistics.ts'

interface Section {
  readonly name: string
  readonly title: string
  /** Whether INFO without arguments shows it. */
  readonly isDefault: boolean
  readonly fields: (c: Context) => Fields
  /** Only a node with TLS has it. */
  readonly isOfTls?: boolean
}

/** In Redis's order; `tls` and `groups` are extensions of Erinys. */
const SECTIONS: readonly Section[] = [
  { name: 'server', title: 'Server', isDefault: true, fields: serverSection },
  { name: 'clients', title: 'Clients', isDefault: true, fields: clientsSection },
  { name: 'memory', title: 'Memory', isDefault: true, fields: memorySection },
  { name: 'persistence', title: 'Persistence', isDefault: true, fields: persistenceSection },
  { name: 'stats', title: 'Stats', isDefault: true, fields: statsSection },
  { name: 'replication', title: 'Replication', isDefault: true, fields: replicationSection },
  { name: 'cpu', title: 'CPU', isDefault: true, fields: cpuSection },
  { name: 'modules', title: 'Modules', isDefault: true, fields: () => [] },
  { name: 'commandstats', title: 'Commandstats', isDefault: false, fields: commandStatsSection },
  { name: 'errorstats', title: 'Errorstats', isDefault: true, fields: errorStatsSection },
  { name: 'latencystats', title: 'Latencystats', isDefault: false, fields: latencyStatsSection },
  { name: 'tls', title: 'TLS', isDefault: true, fields: tlsSection, isOfTls: true },
  { name: 'cluster', title: 'Cluster', isDefault: true, fields: clusterSection },
  { name: 'keyspace', title: 'Keyspace', isDefault: true, fields: keyspaceSection },
  { name: 'groups', title: 'Groups', isDefault: true, fields: groupsSection },
]

export const infoCommands: readonly CommandSpec[] = [
  {
    name: 'info',
    arity: -1,
    flags: ['loading', 'stale'],
    categories: ['slow', 'dangerous'],
    summary: 'Returns information and statistics about the server.',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1)',
    tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
    history: [['7.0.0', 'Added support for taking multiple section arguments.']],
    arguments: [arg('section', 'string', { optional: true, multiple: true })],
    run(c) {
      c.reply.verbatim('txt', infoText(c))
    },
  },
]

function infoText(c: Context): string {
  const { args, host } = c
  host.telemetry.attributeTime()
  const asked = Array.from({ length: args.count - 1 }, (_, i) => args.latin1(i + 1).toLowerCase())
  const all = asked.includes('all') || asked.includes('everything')
  const usual = asked.length === 0 || asked.includes('default')
  const isAsked = ({ name, isDefault }: Section): boolean =>
    all || (usual && isDefault) || asked.includes(name)
  return SECTIONS.filter((section) => isAsked(section) && !(section.isOfTls && host.tls === undefined))
    .map(({ title, fields }) => {
      const lines = fields(c).map(([field, value]) => `${field}:${value}\r\n`)
      return `# ${title}\r\n${lines.join('')}`
    })
    .join('\r\n')
}
