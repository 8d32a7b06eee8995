// When certificates are valid.

import type { X509Certificate } from 'node:crypto'
import { loadMaterial } from './material.ts'
import type { TlsSettings } from './settings.ts'

export const DAY_MS = 86_400_000

/** A certificate that expires within this time is worth a warning. */
const EXPIRES_SOON_MS = 14 * DAY_MS

export function isValidAt({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo)
}

/** A warning about the dates of a certificate; `undefined`: there is none. */
export function validityWarning(certificate: X509Certificate, now: number): string | undefined {
  const { validFrom, validTo } = certificate
  if (!isValidAt(certificate, now)) return `it is valid from ${validFrom} to ${validTo} only`
  return Date.parse(validTo) - now > EXPIRES_SOON_MS ? undefined : `it expires at ${validTo}`
}

/**
 * The same of all certificates that the settings name.
 * @throws TlsError if they cannot be used at all
 */
export function validityWarnings(settings: TlsSettings, now: number): readonly string[] {
  const { server, client, authorities } = loadMaterial(settings)
  const { tlsCertFile, tlsClientCertFile, tlsCaCertFile, tlsCaCertDir } = settings
  const named: [string, string, readonly X509Certificate[]][] = [
    ['tls-cert-file', tlsCertFile, server.chain],
    ['tls-client-cert-file', tlsClientCertFile, client === server ? [] : client.chain],
    [
      tlsCaCertFile === '' ? 'tls-ca-cert-dir' : 'tls-ca-cert-file',
      tlsCaCertFile || tlsCaCertDir,
      authorities,
    ],
  ]
  return named.flatMap(([setting, file, certificates]) =>
    certificates.flatMap((certificate) => {
      const warning = validityWarning(certificate, now)
      if (warning === undefined) return []
      const name = certificate.subject?.replaceAll('\n', ', ') ?? 'no name'
      return [`${setting}: ${file}: ${name}: ${warning}`]
    }),
  )
}
