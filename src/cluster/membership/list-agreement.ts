// Tells operators when members disagree about who belongs to the cluster, or about how slots are assigned.

import type { Clock } from '../../bytes/clock.ts'
import type { Log } from '../log.ts'
import type { ListDifference } from './member-names.ts'

/** The warning is repeated after this long, ms. */
const REPEAT = 300_000

/** How many names of a list are shown; clusters have up to hundreds. */
const SHOWN = 5

export interface ListAgreementOptions {
  readonly differences: () => readonly ListDifference[]
  /** The names of members that compute a different slot assignment. */
  readonly otherVersions: () => readonly string[]
  /** Whether this node lists that name, or it is its own. */
  readonly lists: (name: string) => boolean
  readonly clock: Clock
  readonly log: Log
  /** The lists are compared once in this time, ms: hundreds of members send a heartbeat in it. */
  readonly interval: number
  /** How long a difference must last before it is logged, ms: lists from DNS or etcd do not change at the same time. */
  readonly delay: number
  /** A node that is not listed counts as gone if nothing was heard of it for this long, ms. */
  readonly timeout: number
}

export class ListAgreement {
  readonly #options: ListAgreementOptions
  /** Nodes that send heartbeats and are not listed here, and when the last one came. */
  readonly #unlisted = new Map<string, number>()
  #comparedAt = Number.NEGATIVE_INFINITY
  #differsSince: number | undefined
  #loggedAt: number | undefined

  constructor(options: ListAgreementOptions) {
    this.#options = options
  }

  /** A heartbeat of a node was received: logs what is due. */
  heard(name: string): void {
    const { clock, delay, interval, log, lists } = this.#options
    const now = clock.now()
    if (!lists(name)) this.#unlisted.set(name, now)
    // The clock may have been set back.
    if (Math.abs(now - this.#comparedAt) < interval) return
    this.#comparedAt = now
    const problem = this.problem
    if (problem === undefined) {
      if (this.#loggedAt !== undefined) log.info({}, 'all members agree about the cluster again')
      this.#differsSince = this.#loggedAt = undefined
      return
    }
    this.#differsSince ??= now
    if (now - this.#differsSince < delay || now - (this.#loggedAt ?? -REPEAT) < REPEAT) return
    this.#loggedAt = now
    log.warn({}, problem)
  }

  /** The disagreement of the members and its consequence, for operators; undefined: there is none. */
  get problem(): string | undefined {
    const problems = [this.#versionProblem, this.#listProblem].filter((each) => each !== undefined)
    return problems.length === 0 ? undefined : problems.join('; ')
  }

  /** Members of such versions never have the same epoch, so they grant each other no votes. */
  get #versionProblem(): string | undefined {
    const names = this.#options.otherVersions()
    if (names.length === 0) return undefined
    return `members assign slots differently from this node: ${shown(names)}: they cannot agree about owners, run the same version of Erinys on all nodes`
  }

  get #listProblem(): string | undefined {
    const { differences, clock, timeout, lists } = this.#options
    const differing = differences()
    const found = differing.map(textOf)
    const now = clock.now()
    for (const [name, at] of this.#unlisted) {
      if (now - at >= timeout || lists(name)) this.#unlisted.delete(name)
      else found.push(`${name} takes part but is not in the list of this node`)
    }
    if (found.length === 0) return undefined
    const others = differing.filter(({ hasOtherView }) => hasOtherView).map(({ name }) => name)
    const consequence =
      others.length === 0
        ? 'only nodes that all members list own keys'
        : `${shown(others)} and this node have divided the keys among different members, so that a key may have two owners with different values`
    return `members disagree about who belongs to the cluster: ${found.slice(0, SHOWN).join('; ')}: ${consequence}, give all nodes the same list`
  }
}

function textOf({ name, lacks, adds }: ListDifference): string {
  const parts = [
    lacks.length > 0 ? `does not list ${shown(lacks)}` : '',
    adds.length > 0 ? `lists ${shown(adds)}, which this node does not` : '',
  ]
  return `${name} ${parts.filter((part) => part !== '').join(' and ')}`
}

function shown(names: readonly string[]): string {
  const more = names.length - SHOWN
  return names.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
