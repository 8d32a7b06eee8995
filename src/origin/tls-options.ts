// The TLS options of an origin; the names are those of `node:tls`.

export interface TlsOptions {
  /** PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly rejectUnauthorized?: boolean
}

/** Errors of a certificate, or of a server that does not speak TLS: retrying does not help. */
export function isTlsFault(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return (
    code === 'EPROTO' ||
    /^(?:ERR_(?:TLS|SSL|OSSL)|CERT_|UNABLE_TO_)|SELF_SIGNED_CERT|HOSTNAME_MISMATCH/.test(code)
  )
}
