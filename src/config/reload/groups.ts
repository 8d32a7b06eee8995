// The groups of a node as a part that applies a changed configuration.

import { MAX_GROUPS } from '../../cluster/links/request-contexts.ts'
import type { Group } from '../../group/group.ts'
import type { PreparedPolicy } from '../../group/origin-access/origin-access.ts'
import type { GroupPolicy } from '../../group/policy.ts'
import type { NodeConfig } from '../config.ts'
import { type ChangedGroup, compareGroups, type GroupChanges, groupLines } from './changes.ts'
import type { PreparedChange, Reloadable } from './reloadable.ts'

export interface ReloadableGroupsOptions {
  /** The list that all parts of the node share: it is changed in place. */
  readonly groups: Group[]
  readonly isInCluster: boolean
  readonly createGroup: (policy: GroupPolicy) => Group
  /** Starts the origin of a new group; fails where its source does not answer. */
  readonly startGroup: (group: Group) => Promise<void>
  /** The list, or policies of its groups, have changed. */
  readonly changed: (removed: readonly Group[]) => void
  /** A group was removed; its loads and writes end, then its origin is closed. */
  readonly retired: (group: Group, closed: Promise<void>) => void
}

interface Prepared {
  readonly group: Group
  readonly change: ChangedGroup
  readonly policy: PreparedPolicy
}

export class ReloadableGroups implements Reloadable {
  readonly #options: ReloadableGroupsOptions

  constructor(options: ReloadableGroupsOptions) {
    this.#options = options
  }

  async prepare({ groups: next }: NodeConfig): Promise<PreparedChange> {
    const { groups, isInCluster } = this.#options
    const changes = compareGroups(
      groups.map(({ policy, maxBytes }) => ({ ...policy, maxBytes })),
      next,
    )
    const problems = [...changes.problems, ...this.#pendingWrites(changes)]
    if (isInCluster && next.length > MAX_GROUPS)
      problems.push(`groups: got ${next.length}, and a cluster has at most ${MAX_GROUPS}`)
    // Nothing needs to be started for what is refused anyway.
    if (problems.length > 0) return { lines: [], problems: () => problems, apply: () => undefined }
    const added: Group[] = []
    const prepared: Prepared[] = []
    const discard = async (): Promise<void> => {
      await Promise.allSettled([
        ...added.map((group) => group.close()),
        ...prepared.map(({ policy }) => policy.discard()),
      ])
    }
    try {
      for (const policy of changes.added) {
        const group = this.#options.createGroup(policy)
        added.push(group)
        await this.#options.startGroup(group)
      }
      for (const [name, change] of changes.changed) {
        const group = this.#find(name)
        const policy = await group.prepare(change.policy, change.isSameSource)
        prepared.push({ group, change, policy })
      }
    } catch (error) {
      await discard()
      throw error
    }
    return {
      lines: groupLines(changes, next),
      problems: () => this.#pendingWrites(changes),
      apply: () => this.#apply(changes, next, added, prepared),
      discard,
    }
  }

  #apply(
    { removed }: GroupChanges,
    next: readonly GroupPolicy[],
    added: readonly Group[],
    prepared: readonly Prepared[],
  ): void {
    const { groups, changed, retired } = this.#options
    const gone = groups.filter(({ name }) => removed.includes(name))
    const byName = new Map([...groups, ...added].map((group) => [group.name, group]))
    groups.splice(0, groups.length, ...next.map(({ name }) => byName.get(name) as Group))
    for (const { group, policy } of prepared) {
      void group.adopt(policy)
      if (policy.policy.maxBytes !== group.maxBytes) group.changeBudget(policy.policy.maxBytes)
    }
    for (const group of gone) retired(group, group.retire())
    changed(gone)
  }

  /** Queued writes (write-behind) are for the source that the group has now. */
  #pendingWrites({ removed, changed }: GroupChanges): string[] {
    const problems: string[] = []
    for (const { name, writes } of this.#options.groups) {
      const pending = writes?.mode === 'behind' ? writes.pending : 0
      if (pending === 0) continue
      const change = changed.get(name)
      const mode = change?.policy.writes?.mode ?? 'around'
      const what = removed.includes(name)
        ? 'cannot be removed'
        : change !== undefined && !change.isSameSource
          ? 'cannot get another origin'
          : change !== undefined && mode !== 'behind'
            ? `cannot change write to ${mode}`
            : undefined
      if (what === undefined) continue
      problems.push(
        `group ${name}: ${what} while ${pending} ${pending === 1 ? 'write waits' : 'writes wait'} for its origin: ` +
          'reload again when they are written (GROUP INFO: writesPending)',
      )
    }
    return problems
  }

  #find(name: string): Group {
    return this.#options.groups.find((group) => group.name === name) as Group
  }
}
