// The TLS options of an origin; the names are those of `node:tls`.

export interface TlsOptions {
  /** PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly rejectUnauthorized?: boolean
}
