// The port to the parts of a node that take over a configuration while it runs: settings, groups, users, certificates.

import type { NodeConfig } from '../config.ts'

/** A part of a node that applies a changed configuration. */
export interface Reloadable {
  /**
   * Reads and checks what it would take over: files, connections. Nothing of the node changes.
   * @throws Error whose message says what is wrong, without secrets
   */
  prepare(next: NodeConfig): Promise<PreparedChange> | PreparedChange
}

export interface PreparedChange {
  /** What changes, one line for each, without secrets. */
  readonly lines: readonly string[]
  /** Asked immediately before `apply` of any part: why it must not be applied now; by default it may. */
  readonly problems?: () => readonly string[]
  /** Takes it over, at once with all other parts. Must not throw. */
  apply(): void
  /** It is not applied after all. */
  discard?(): Promise<void> | void
}
