// The ring: how many slots each node owns, as arcs.

import { wordsOf } from '../members.ts'
import type { ClusterState, MemberState } from '../types.ts'

const SIZE = 220
const RADIUS = 88
const WIDTH = 22
/** Between two arcs, as a share of the circle. */
const GAP = 0.004
export const SLOTS = 16_384

/** The colour of the member with this index, as a class. */
export function memberColor(i: number): string {
  return `series-${(i % 6) + 1}`
}

interface Arc {
  readonly member: MemberState
  readonly color: string
  readonly from: number
  readonly to: number
}

export function Ring({ members, self }: Pick<ClusterState, 'members' | 'self'>) {
  const arcs: Arc[] = []
  let from = 0
  members.forEach((member, i) => {
    const to = from + member.slots / SLOTS
    if (member.slots > 0) arcs.push({ member, color: memberColor(i), from, to })
    from = to
  })
  const own = members.find(({ name }) => name === self)
  const share = ((own?.slots ?? 0) / SLOTS) * 100
  return (
    <svg class="ring" viewBox={`0 0 ${SIZE} ${SIZE}`} role="img" aria-label={describe(members)}>
      <circle class="ring-base" cx={SIZE / 2} cy={SIZE / 2} r={RADIUS} stroke-width={WIDTH} />
      {arcs.map(({ member, color, from: start, to }) => (
        <path
          key={member.name}
          class={`arc ${color} ${member.state}`}
          d={arcPath(start + GAP / 2, Math.max(start + GAP, to - GAP / 2))}
          stroke-width={WIDTH}
        >
          <title>{`${member.name}: ${member.slots} slots, ${wordsOf(member).word}`}</title>
        </path>
      ))}
      <text class="ring-figure" x={SIZE / 2} y={SIZE / 2 + 4}>
        {share.toFixed(1)} %
      </text>
      <text class="ring-label" x={SIZE / 2} y={SIZE / 2 + 24}>
        owned here
      </text>
    </svg>
  )
}

/** @param from as a share of the circle, clockwise from the top */
function arcPath(from: number, to: number): string {
  // A whole circle has no ends: two points would be the same.
  const end = Math.min(to, from + 0.9999)
  const point = (share: number): string => {
    const angle = 2 * Math.PI * share - Math.PI / 2
    return `${(SIZE / 2 + RADIUS * Math.cos(angle)).toFixed(2)} ${(SIZE / 2 + RADIUS * Math.sin(angle)).toFixed(2)}`
  }
  return `M${point(from)}A${RADIUS} ${RADIUS} 0 ${end - from > 0.5 ? 1 : 0} 1 ${point(end)}`
}

function describe(members: readonly MemberState[]): string {
  const parts = members.map(
    (member) =>
      `${member.name} ${((member.slots / SLOTS) * 100).toFixed(1)} percent, ${wordsOf(member).word}`,
  )
  return `Shares of the slots: ${parts.join('; ')}`
}
