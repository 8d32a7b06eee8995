// What CONFIG shows and sets: one value of the node under Redis's name.

/** Takes a new value over. */
export type Apply = () => void

export interface Parameter {
  /** 'tcp-keepalive'; `maxmemory:` with a group's name is that group's budget. */
  readonly name: string
  get(): string
  /**
   * Checks a new value without taking it over: the error in Redis's words, or how to. Absent where the value is
   * fixed when the node starts.
   */
  readonly accept?: (text: string) => string | Apply
}
