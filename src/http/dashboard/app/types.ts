// What the node answers: see `dashboard/state.ts` and `dashboard/value.ts`, of which only the types are used here.

export type { KeyName } from '../names.ts'
export type {
  ClusterState,
  DashboardState,
  GroupState,
  MemberState,
} from '../state.ts'
export type { ShownValue } from '../value.ts'

/** What a colour stands for. */
export type Tone = 'good' | 'warn' | 'bad' | 'idle' | 'plain'
