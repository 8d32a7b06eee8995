// The third view: the nodes of the cluster, as this one sees them, and this process.

import { type ApiError, api } from '../api.ts'
import { bytes, count, millis, percent, rate, seconds } from '../format.ts'
import type { History } from '../history.ts'
import { meaningOf, wordsOf } from '../members.ts'
import { Card, Empty, Facts, Pill, type Question, Table } from '../parts/common.tsx'
import { memberColor, Ring, SLOTS } from '../parts/ring.tsx'
import type { ClusterState, DashboardState, MemberState } from '../types.ts'

interface ClusterProps {
  readonly state: DashboardState
  readonly history: History
  readonly ask: (question: Question) => void
  readonly tell: (message: string, isError?: boolean) => void
}

export function ClusterView({ state, history, ask, tell }: ClusterProps) {
  const { cluster, may, node } = state
  const drain = (): void =>
    ask({
      title: 'Drain this node?',
      text: (
        <p>
          <b>{node.name}</b> hands all its keys over to the other nodes, and goes on without slots. It joins
          again when it is restarted.
        </p>
      ),
      action: 'Drain the node',
      run: () =>
        void api.drain().then(
          () => tell('The node hands its keys over.'),
          (error: ApiError) => tell(error.message, true),
        ),
    })
  return (
    <>
      <Card
        title="Ring"
        hint={
          cluster !== null &&
          may.drain && (
            <button type="button" class="button small danger-text" onClick={drain}>
              Drain this node…
            </button>
          )
        }
      >
        {cluster === null ? (
          <Empty>This node is in no cluster: it owns every key.</Empty>
        ) : (
          <Members cluster={cluster} unlisted={history.unlisted} at={state.at} />
        )}
      </Card>
      <Process state={state} history={history} />
    </>
  )
}

const MEMBER_COLUMNS = [
  ['Node'],
  ['State'],
  ['Share', 'number'],
  ['Slots', 'number'],
  ['Heartbeat', 'number'],
  ['Hops', 'number'],
  ['Lost', 'number'],
] as const

interface MembersProps {
  readonly cluster: ClusterState
  readonly unlisted: readonly MemberState[]
  readonly at: number
}

function Members({ cluster, unlisted, at }: MembersProps) {
  const { members, problem, isCutOff, isSettling, pendingSlots, views, redirects } = cluster
  return (
    <>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {isCutOff && (
        <p class="problem" role="alert">
          Most other members are silent: this node may be cut off.
        </p>
      )}
      <div class="ring-row">
        <Ring members={members} self={cluster.self} />
        <Table label="Nodes" columns={MEMBER_COLUMNS}>
          {members.map((member, i) => (
            <MemberRow key={member.name} member={member} color={memberColor(i)} at={at} />
          ))}
          {unlisted.map((member) => (
            <MemberRow key={member.name} member={member} color="" at={at} />
          ))}
        </Table>
      </div>
      <p class="note">
        {`This node has had ${views === 1 ? 'one view' : `${views} views`} of who is alive. Clients are ${redirects ? 'redirected to owners' : 'forwarded to owners'}.`}
        {pendingSlots > 0 && ` ${pendingSlots} slots are still to be handed over.`}
        {isSettling && ' Entries of gained slots are still to come.'}
      </p>
    </>
  )
}

interface MemberRowProps {
  readonly member: MemberState
  readonly color: string
  readonly at: number
}

function MemberRow({ member, color, at }: MemberRowProps) {
  const { name, slots, latencyMs, hops, lost } = member
  const { word, tone } = wordsOf(member)
  return (
    <tr>
      <th scope="row" class="mono">
        <i class={`swatch ${color}`} aria-hidden="true" />
        {name}
      </th>
      <td>
        <Pill tone={tone}>{word}</Pill> <span class="note meaning">{meaningOf(member, at)}</span>
      </td>
      <td class="number">{percent(slots / SLOTS)}</td>
      <td class="number">{slots}</td>
      <td class="number">{millis(latencyMs)}</td>
      <td class="number">{count(hops)}</td>
      <td class="number">{count(lost)}</td>
    </tr>
  )
}

function Process({ state, history }: Pick<ClusterProps, 'state' | 'history'>) {
  const { node, at } = state
  const { recent } = history
  const facts = [
    ['Erinys', node.version],
    ['Node.js', node.runtime],
    ['Running for', millis(at - node.startedAt)],
    ['CPU', recent === undefined ? '–' : `${percent(recent.cpu)} of a core`],
    ['Event loop delay, 99 %', seconds(recent?.delay)],
    ['Resident memory', bytes(node.residentBytes)],
    ['JavaScript heap', bytes(node.heapBytes)],
    ['Clients', `${count(node.clients)} of ${count(node.maxClients)}`],
    ['Connections of nodes', count(node.peers)],
    [
      'HTTP connections',
      node.http === null
        ? 'no HTTP'
        : `${count(node.http.connections)} of ${count(node.http.maxConnections)}`,
    ],
    ['HTTP requests', recent === undefined ? '–' : `${rate(recent.httpRequests)}/s`],
    ['Commands', recent === undefined ? '–' : `${rate(recent.commands)}/s`],
    ['Received', recent === undefined ? '–' : `${bytes(recent.bytesIn)}/s`],
    ['Sent', recent === undefined ? '–' : `${bytes(recent.bytesOut)}/s`],
    ['Dropped log lines', count(node.droppedLogLines)],
  ] as const
  return (
    <Card title="Process">
      <Facts facts={facts} />
    </Card>
  )
}
