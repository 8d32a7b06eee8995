// The dashboard: the page, and the routes that it uses. Each of its actions is a command that the user may run.

import type { FirstArgument } from '../../access/access.ts'
import { type Asset, Assets, CONTENT_SECURITY_POLICY } from '../dashboard/assets.ts'
import { keyName } from '../dashboard/names.ts'
import { LOGIN_PATH } from '../dashboard/problem-page.ts'
import {
  type DashboardAction,
  type DashboardState,
  type NodeReport,
  nodeReport,
  type Rights,
  shownTo,
} from '../dashboard/state.ts'
import { readValue } from '../dashboard/value.ts'
import type { Exchange } from '../exchange.ts'
import type { Services } from '../ports.ts'
import { shownName, unauthorized, userWith } from '../requests/authorization.ts'
import { RefusedError } from '../requests/body.ts'
import { quote } from '../responses/problem.ts'
import type { Headers } from '../responses/responder.ts'
import { isNotModified } from '../responses/validators.ts'
import { problem, type Route, type RouteResponse } from '../route.ts'
import { KEYED } from './values.ts'

const ANY_OBJECT: RouteResponse = {
  description: 'See the page.',
  content: { 'application/json': { type: 'object' } },
}
const DONE: RouteResponse = { description: 'Done.', content: { 'application/json': { type: 'object' } } }

const [GROUP] = KEYED

/** Browsers take `.` and `..` at the end of a path for folders. */
const KEYED_OR_QUERY = [
  ...KEYED,
  {
    name: 'key',
    in: 'query',
    description: 'The key, if that in the path is empty: a browser cannot send `.` and `..` there.',
    schema: { type: 'string' },
  },
] as const

/** A user that may run these commands may press these buttons. */
const COMMANDS: Readonly<Record<DashboardAction, string>> = {
  browse: 'scan',
  invalidate: 'invalidate',
  flush: 'group|flush',
  drain: 'cluster|drain',
}

/** Keys of one answer, and how often SCAN is asked for them: few of a million may match. */
const PAGE_KEYS = 50
const MAX_SCANS = 20
const SCAN_COUNT = '500'

const assets = new Assets()

const pages: readonly Route[] = [
  {
    method: 'GET',
    path: '/',
    operation: 'openDashboard',
    tag: 'Dashboard',
    summary: 'The dashboard.',
    responses: {
      200: { description: 'The page.', content: { 'text/html; charset=utf-8': { type: 'string' } } },
    },
    access: { command: 'info' },
    handle: (exchange) => sendAsset(exchange, assets.get('index.html')),
  },
  {
    method: 'GET',
    path: LOGIN_PATH,
    operation: 'logIn',
    tag: 'Dashboard',
    summary: 'Makes a browser ask for a name and a password, and leads to the dashboard.',
    parameters: [
      {
        name: 'not',
        in: 'query',
        description: 'The name of a user whose credentials do not suffice.',
        schema: { type: 'string' },
      },
    ],
    responses: { 303: { description: 'The credentials are right.' } },
    access: 'public',
    handle: logIn,
  },
  {
    method: 'GET',
    path: '/dashboard/files/{file}',
    operation: 'readDashboardFile',
    tag: 'Dashboard',
    summary: 'A file of the dashboard.',
    parameters: [{ ...GROUP, name: 'file', description: '`app.js`, `app.css` or `icon.svg`.' }],
    responses: { 200: { description: 'The file.' }, 404: problem('There is no such file.') },
    access: 'public',
    handle: (exchange) => sendAsset(exchange, assets.get(exchange.text('file'))),
  },
]

const views: readonly Route[] = [
  {
    method: 'GET',
    path: '/dashboard/state',
    operation: 'readDashboardState',
    tag: 'Dashboard',
    summary: 'What the dashboard shows of this node, or of another one of its cluster.',
    parameters: [
      {
        name: 'node',
        in: 'query',
        description: 'The name of another node, which this one asks.',
        schema: { type: 'string' },
      },
    ],
    responses: {
      200: ANY_OBJECT,
      404: problem('There is no such node.'),
      503: problem('That node cannot be reached.'),
    },
    access: { command: 'info' },
    handle: showState,
  },
  {
    method: 'GET',
    path: '/dashboard/keys/{group}',
    operation: 'browseKeys',
    tag: 'Dashboard',
    summary: 'Some keys of a group, and the cursor for the next ones.',
    parameters: [
      GROUP,
      {
        name: 'cursor',
        in: 'query',
        description: 'The cursor of the last answer; by default 0.',
        schema: { type: 'string' },
      },
      { name: 'match', in: 'query', description: 'A pattern, as of SCAN.', schema: { type: 'string' } },
    ],
    responses: { 200: ANY_OBJECT },
    access: { command: COMMANDS.browse, of: 'group', first: 'any' },
    handle: browse,
  },
  {
    method: 'GET',
    path: '/dashboard/value/{group}/{key*}',
    operation: 'showValue',
    tag: 'Dashboard',
    summary: 'The entry of a key, and the beginning of its value if it is cached. Nothing is loaded.',
    parameters: KEYED_OR_QUERY,
    responses: { 200: ANY_OBJECT },
    access: { command: 'explain', of: 'key' },
    async handle(exchange) {
      const value = await readValue(exchange, exchange.group, exchange.key)
      exchange.json(200, value)
    },
  },
]

const actions: readonly Route[] = [
  {
    method: 'POST',
    path: '/dashboard/invalidate/{group}/{key*}',
    operation: 'invalidateKey',
    tag: 'Dashboard',
    summary: 'Removes a key from the cache; the origin is not written.',
    parameters: KEYED_OR_QUERY,
    responses: { 200: DONE },
    access: { command: COMMANDS.invalidate, of: 'key', first: 'any' },
    async handle(exchange) {
      const removed = await exchange.ask(exchange.group, 'INVALIDATE', 'KEY', exchange.key)
      exchange.json(200, { removed })
    },
  },
  {
    method: 'POST',
    path: '/dashboard/invalidate-tag/{group}',
    operation: 'invalidateTag',
    tag: 'Dashboard',
    summary: 'Invalidates all entries with a tag.',
    parameters: [
      GROUP,
      { name: 'tag', in: 'query', description: 'The tag.', required: true, schema: { type: 'string' } },
    ],
    responses: { 200: DONE, 400: problem('There is no tag.') },
    access: { command: COMMANDS.invalidate, of: 'group', first: 'any' },
    async handle(exchange) {
      const tag = exchange.query.get('tag') ?? ''
      if (tag === '') {
        exchange.problem({ status: 400, type: 'bad-request', detail: 'give a tag: ?tag=…' })
        return
      }
      await exchange.ask(exchange.group, 'INVALIDATE', 'TAG', tag)
      exchange.json(200, { tag })
    },
  },
  {
    method: 'POST',
    path: '/dashboard/flush/{group}',
    operation: 'flushGroup',
    tag: 'Dashboard',
    summary: 'Removes all keys of a group from the caches of all nodes.',
    parameters: [GROUP],
    responses: { 200: DONE },
    access: { command: COMMANDS.flush, of: 'group' },
    async handle(exchange) {
      const group = exchange.group
      await exchange.ask(group, 'GROUP', 'FLUSH', group.name)
      exchange.json(200, { group: group.name })
    },
  },
  {
    method: 'POST',
    path: '/dashboard/drain',
    operation: 'drainNode',
    tag: 'Dashboard',
    summary: 'Hands everything that this node holds over to the others.',
    description: 'Answers when the drain begins: `/dashboard/state` shows its progress.',
    responses: { 202: DONE, 400: problem('The node is in no cluster.') },
    access: { command: COMMANDS.drain },
    handle: drain,
  },
]

export const dashboardRoutes: readonly Route[] = [...pages, ...views, ...actions]

function logIn(exchange: Exchange): void {
  const { services, caller, query } = exchange
  const user = userWith(services.gate, exchange.header('authorization'), caller.address)
  if (user === undefined) throw unauthorized('give the name and the password of a user')
  const refused = query.get('not')
  if (shownName(user) === refused) throw unauthorized(`give those of another user than ${quote(refused)}`)
  exchange.send(303, ['Location', '/', 'Cache-Control', 'no-store'])
}

function sendAsset(exchange: Exchange, asset: Asset | undefined): void {
  if (asset === undefined) {
    const detail =
      'there is no such file, or the page was not built: run npm ci and npm run build in the clone'
    throw new RefusedError({ status: 404, type: 'unknown-route', detail })
  }
  const headers: Headers = [
    'ETag',
    asset.etag,
    'Cache-Control',
    'no-cache',
    'Content-Security-Policy',
    CONTENT_SECURITY_POLICY,
    'Referrer-Policy',
    'no-referrer',
    'X-Frame-Options',
    'DENY',
    'Vary',
    'Accept-Encoding',
  ]
  if (isNotModified(exchange.header('if-none-match'), asset.etag)) {
    exchange.send(304, headers)
    return
  }
  headers.push('Content-Type', asset.type)
  if (/\bbr\b/.test(exchange.header('accept-encoding') ?? '')) {
    headers.push('Content-Encoding', 'br')
    exchange.send(200, headers, asset.compressed)
  } else exchange.send(200, headers, asset.bytes)
}

async function showState(exchange: Exchange): Promise<void> {
  const { host } = exchange.services
  const name = exchange.query.get('node')
  const rights = rightsOf(exchange)
  if (name === null || name === host.cluster?.status.report?.self.name) {
    sendState(exchange, shownTo(ownReport(exchange.services), rights))
    return
  }
  const report = await askReport(host, name)
  // `drain` is for the node that is asked.
  sendState(exchange, shownTo(report, { ...rights, may: { ...rights.may, drain: false } }))
}

/** On one line: with many groups, indentation would be a third of it. */
function sendState(exchange: Exchange, state: DashboardState): void {
  exchange.send(200, ['Content-Type', 'application/json', 'Cache-Control', 'no-store'], JSON.stringify(state))
}

/** The report of this node, for its own pages and for other nodes. */
export function ownReport({ host, metrics, phase }: Services): NodeReport {
  return nodeReport({ host, runtime: metrics.runtime, phase: phase(), now: Date.now() })
}

/** @throws RefusedError if the node is not a member of the cluster, or does not answer */
async function askReport({ cluster, groups }: Services['host'], name: string): Promise<NodeReport> {
  if (cluster?.indexOf(name) === undefined)
    throw new RefusedError({
      status: 404,
      type: 'absent',
      detail: `there is no node ${quote(name)} in the cluster`,
    })
  const unreachable = (reason: string): RefusedError =>
    new RefusedError({
      status: 503,
      type: 'peer-down',
      detail: `${name} does not answer: ${reason}`,
      retryAfter: 1,
    })
  const reply = await cluster.askPeer(name, groups[0], ['PEER', 'REPORT']).catch((error: Error) => {
    throw unreachable(error.message)
  })
  if (!Buffer.isBuffer(reply)) throw unreachable(reply instanceof Error ? reply.message : 'it tells nothing')
  return JSON.parse(reply.toString()) as NodeReport
}

function rightsOf(exchange: Exchange): Rights {
  const { groups } = exchange.services.host
  const mayRun = (command: string): boolean =>
    exchange.wouldAllow({ command, group: undefined, key: undefined, first: 'any' })
  const mayRunIn = (name: string, command: string, first: FirstArgument): boolean => {
    const group = groups.find((each) => each.name === name)
    return group !== undefined && exchange.wouldAllow({ command, group, key: undefined, first })
  }
  const { user } = exchange.caller
  const isLoggedIn =
    exchange.header('authorization') !== undefined || user !== exchange.services.gate.anonymous
  return {
    user: isLoggedIn ? shownName(user) : null,
    may: Object.fromEntries(
      Object.entries(COMMANDS).map(([action, command]) => [action, mayRun(command)]),
    ) as Record<DashboardAction, boolean>,
    seesKeysOf: (name) => mayRunIn(name, COMMANDS.browse, 'any'),
    seesHotKeysOf: (name) => mayRunIn(name, 'hotkeys', Buffer.from(name)),
    seesSlowLog: mayRun('slowlog|get'),
  }
}

async function browse(exchange: Exchange): Promise<void> {
  const group = exchange.group
  const match = exchange.query.get('match') || '*'
  let cursor = exchange.query.get('cursor') ?? '0'
  const keys: Buffer[] = []
  for (let i = 0; i < MAX_SCANS && keys.length < PAGE_KEYS; i++) {
    const reply = await exchange.ask(group, 'SCAN', cursor, 'MATCH', match, 'COUNT', SCAN_COUNT)
    const [next, found] = reply as [Buffer, Buffer[]]
    cursor = next.toString()
    keys.push(...found)
    if (cursor === '0') break
  }
  exchange.json(200, { keys: keys.map(keyName), cursor })
}

/** The handover may take minutes. It continues when the page is gone. */
async function drain(exchange: Exchange): Promise<void> {
  const { host, log } = exchange.services
  const { cluster } = host
  if (cluster === undefined || cluster.status.liveOwners.length === 1) {
    const detail = 'there is no other node to hand anything over to'
    exchange.problem({ status: 400, type: 'rejected', detail })
    return
  }
  exchange
    .ask(host.groups[0], 'CLUSTER', 'DRAIN')
    .catch((err) => log.warn({ err }, 'the node was not drained'))
  exchange.json(202, { draining: true })
}
