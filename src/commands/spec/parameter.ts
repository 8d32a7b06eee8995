// What CONFIG shows and sets: one value of the node under Redis's name.

/** Applies a value that was accepted. */
export type Apply = () => void

export interface Parameter {
  /** 'tcp-keepalive'; `maxmemory:` with a group's name is that group's budget. */
  readonly name: string
  get(): string
  /**
   * Validates a new value without applying it: returns an error in Redis's words, or a function that applies it.
   * Absent where the value is fixed when the node starts.
   */
  readonly accept?: (text: string) => string | Apply
  /** Its value is valid only together with those of other parameters: after `accept` of each, these decide. */
  readonly joint?: JointParameters
}

/** Parameters that are checked and applied together, as a certificate and its key. */
export interface JointParameters {
  /** Validates those that are set, by name: returns an error, or a function that applies all of them. */
  accept(texts: ReadonlyMap<string, string>): string | Apply
}
