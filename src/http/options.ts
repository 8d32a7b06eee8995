// The settings of the HTTP gateway as plain values.

export interface HttpOptions {
  /** Accepted host names of requests, besides addresses and `localhost`; `*`: any, `*.x`: any below x. */
  readonly hosts: readonly string[]
  /** Web origins whose pages may send requests; `*`: any. */
  readonly cors: readonly string[]
  /** Connections without any traffic for this many ms are closed, and requests must arrive within it. */
  readonly timeout: number
  /** The most bytes of bodies that are received at the same time. */
  readonly maxUploads: number
  /** Whether large texts are compressed for clients that accept it. */
  readonly compress: boolean
}
