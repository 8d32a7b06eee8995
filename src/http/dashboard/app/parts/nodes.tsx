// The nodes of the cluster in the head of every view: which one is shown, and which ones do not answer.

import { problemOf, wordsOf } from '../members.ts'
import type { ClusterState, MemberState } from '../types.ts'

interface NodeChoiceProps {
  readonly nodes: readonly Pick<MemberState, 'name' | 'state'>[]
  readonly chosen: string | undefined
  readonly server: string | undefined
  readonly choose: (name: string) => void
}

/** The states that the name of a node is shown without. */
const USUAL: readonly string[] = ['self', 'up']

/** The page asks the node that serves it only: that one asks the others. */
export function NodeChoice({ nodes, chosen, server, choose }: NodeChoiceProps) {
  return (
    <select
      class="node mono"
      aria-label="Node"
      value={chosen}
      onChange={(event) => choose(event.currentTarget.value)}
    >
      {nodes.map(({ name, state }) => (
        <option key={name} value={name}>
          {[name, name === server && '(this page)', !USUAL.includes(state) && `– ${wordsOf({ state }).word}`]
            .filter((part) => part !== false)
            .join(' ')}
        </option>
      ))}
    </select>
  )
}

/** Members that are down are named on every view. */
export function DownNodes({ cluster }: { readonly cluster: ClusterState }) {
  const problem = problemOf(cluster)
  if (problem === undefined) return null
  return (
    <p class="problem banner" role="alert">
      {problem}{' '}
      <a class="problem-link" href="#/cluster">
        Show the nodes
      </a>
    </p>
  )
}
