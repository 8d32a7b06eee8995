// What a membership has told, and a way to wait until it has told something.

import type { Member } from '../../src/cluster/member.ts'
import { memberAt, readAddress } from '../../src/cluster/membership/member-list.ts'
import type { MembershipWatcher } from '../../src/cluster/membership/membership.ts'

export class MembershipWatch implements MembershipWatcher {
  /** Every list that was told. */
  readonly lists: (readonly Member[])[] = []
  readonly registrations: boolean[] = []
  readonly warnings: string[] = []
  readonly #waiting = new Set<() => void>()

  changed(members: readonly Member[]): void {
    this.lists.push(members)
    this.#told()
  }

  registered(standing: boolean): void {
    this.registrations.push(standing)
    this.#told()
  }

  warn(message: string): void {
    this.warnings.push(message)
    this.#told()
  }

  /** The names of the last list. */
  get names(): readonly string[] | undefined {
    return this.lists.at(-1)?.map(({ name }) => name)
  }

  /** Resolves as soon as the condition holds; looked at whenever something is told. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Resolves when the last list has these names, which are to be sorted. */
  untilNames(...names: string[]): Promise<void> {
    return this.until(() => JSON.stringify(this.names) === JSON.stringify(names))
  }

  #told(): void {
    for (const look of [...this.#waiting]) look()
  }
}

/** The member that announces itself as `host:port`. */
export function memberNamed(name: string, weight?: number): Member {
  const { host, port } = readAddress(name)!
  return memberAt(host, port, weight)
}
