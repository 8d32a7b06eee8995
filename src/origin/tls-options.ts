// How an origin is reached by TLS; the names are those of `node:tls`.

export interface TlsOptions {
  /** PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly rejectUnauthorized?: boolean
}
