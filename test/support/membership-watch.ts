// Records the callbacks of a membership, and waits for them.

import type { Member } from '../../src/cluster/member.ts'
import { memberAt, readAddress } from '../../src/cluster/membership/member-list.ts'
import type { MembershipWatcher } from '../../src/cluster/membership/membership.ts'

export class MembershipWatch implements MembershipWatcher {
  /** Every published list. */
  readonly lists: (readonly Member[])[] = []
  readonly registrations: boolean[] = []
  readonly warnings: string[] = []
  readonly #waiting = new Set<() => void>()

  changed(members: readonly Member[]): void {
    this.lists.push(members)
    this.#check()
  }

  registered(isRegistered: boolean): void {
    this.registrations.push(isRegistered)
    this.#check()
  }

  warn(message: string): void {
    this.warnings.push(message)
    this.#check()
  }

  /** The names of the last list. */
  get names(): readonly string[] | undefined {
    return this.lists.at(-1)?.map(({ name }) => name)
  }

  /** Resolves as soon as the condition holds. It is evaluated after every callback. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Resolves when the last list has these names, given in order. */
  untilNames(...names: string[]): Promise<void> {
    return this.until(() => JSON.stringify(this.names) === JSON.stringify(names))
  }

  #check(): void {
    for (const check of [...this.#waiting]) check()
  }
}

/** The member that announces `host:port`. */
export function memberNamed(name: string, weight?: number): Member {
  const { host, port } = readAddress(name)!
  return memberAt(host, port, weight)
}
