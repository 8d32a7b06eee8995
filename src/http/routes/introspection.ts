// The state of a node: its groups, what would answer a read, its cluster, and the description of all routes.

import { rangesOf } from '../../cluster/report.ts'
import { explanationIn } from '../../commands/own/explain.ts'
import { groupStats } from '../../commands/own/group-stats.ts'
import type { Exchange } from '../exchange.ts'
import type { Services } from '../ports.ts'
import type { Route } from '../route.ts'
import { FAILURES, KEYED, UNKNOWN_GROUP } from './values.ts'

const OBJECT = { 'application/json': { type: 'object' } }

export const introspectionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/groups',
    operation: 'listGroups',
    tag: 'Node',
    summary:
      'The groups of this node in the order of their indexes, with their contents and counters on this node.',
    responses: {
      200: {
        description: 'An array of groups: the fields of `GROUP INFO` in camel case.',
        content: { 'application/json': { type: 'array', items: { type: 'object' } } },
      },
    },
    access: { command: 'group|list' },
    handle: listGroups,
  },
  {
    method: 'GET',
    path: '/groups/{group}',
    operation: 'getGroup',
    tag: 'Node',
    summary: 'Contents, counters and policies of a group on this node.',
    parameters: [KEYED[0]],
    responses: { 200: { description: 'The fields of `GROUP INFO`.', content: OBJECT }, 404: UNKNOWN_GROUP },
    access: { command: 'group|info', of: 'group' },
    handle(exchange) {
      const { host } = exchange.services
      const group = exchange.group
      exchange.json(200, groupStats(group, host.groups.indexOf(group)))
    },
  },
  {
    method: 'GET',
    path: '/explain/{group}/{key*}',
    operation: 'explainKey',
    tag: 'Node',
    summary: 'What would answer a read of a key, and the state of its entry. Nothing is loaded.',
    parameters: KEYED,
    responses: {
      200: { description: 'The fields of `EXPLAIN`.', content: OBJECT },
      404: UNKNOWN_GROUP,
      ...FAILURES,
    },
    access: { command: 'explain', of: 'key' },
    async handle(exchange) {
      const reply = await exchange.ask(exchange.group, 'EXPLAIN', exchange.key)
      exchange.json(200, explanationIn(reply))
    },
  },
  {
    method: 'GET',
    path: '/cluster',
    operation: 'getCluster',
    tag: 'Node',
    summary: 'The members of the cluster as this node sees them, with their states and slots.',
    responses: { 200: { description: 'The cluster; `enabled: false` without one.', content: OBJECT } },
    access: { command: 'cluster|nodes' },
    handle: (exchange) => exchange.json(200, clusterOf(exchange.services)),
  },
  {
    method: 'GET',
    path: '/openapi.json',
    operation: 'getOpenApi',
    tag: 'Node',
    summary: 'This description of all routes (OpenAPI 3.1).',
    responses: { 200: { description: 'The document.', content: OBJECT } },
    access: 'public',
    handle: (exchange) => exchange.text200('application/json', exchange.services.openApi()),
  },
]

function listGroups(exchange: Exchange): void {
  const { groups } = exchange.services.host
  const shown = groups.filter((group) =>
    exchange.wouldAllow({ command: 'group|info', group, key: undefined }),
  )
  exchange.json(
    200,
    shown.map((group) => groupStats(group, groups.indexOf(group))),
  )
}

function clusterOf({ host: { cluster } }: Services): object {
  const report = cluster?.status.report
  if (cluster === undefined) return { enabled: false }
  if (report === undefined) return { enabled: true, joined: false, members: [] }
  const ranges = rangesOf(cluster.owners)
  return {
    enabled: true,
    joined: true,
    self: report.self.name,
    epoch: report.epoch,
    views: report.views,
    living: report.living,
    isPending: report.isPending,
    problem: cluster.status.problem ?? null,
    members: report.members.map(({ member, index, state, health }) => {
      const own = ranges.filter(({ owner }) => owner === index)
      return {
        name: member.name,
        host: member.host,
        port: member.port,
        weight: member.weight,
        state,
        slots: own.reduce((sum, { first, last }) => sum + last - first + 1, 0),
        ranges: own.map(({ first, last }) => [first, last]),
        health: health ?? null,
      }
    }),
  }
}
