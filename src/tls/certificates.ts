// The certificates of a node while it runs: loaded at its start, and replaced when their files change.

import type { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import type { CancelTimer, Timers } from '../bytes/clock.ts'
import { fingerprint } from './fingerprint.ts'
import { contextOptions, loadMaterial, type Material } from './material.ts'
import { TlsError } from './pem.ts'
import type { TlsSettings } from './settings.ts'
import { DAY_MS, isValidAt, validityWarning } from './validity.ts'

interface TlsLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface CertificatesOptions {
  /** Changed by what `prepare` returns. */
  readonly settings: TlsSettings
  readonly timers: Timers
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly log: TlsLog
}

/** Settings and files that were checked. */
export interface PreparedTls {
  /** Whether certificates, keys or CAs have changed. */
  readonly isNew: boolean
  readonly apply: () => void
}

export class Certificates {
  /** How often they were replaced, and how often that failed. */
  replacements = 0
  failures = 0
  readonly settings: TlsSettings
  readonly #options: CertificatesOptions
  readonly #replaced = new Set<() => void>()
  #material: Material
  #clientContext: SecureContext | undefined
  /** Of the files as they were last loaded, or could not be; `undefined`: not known. */
  #known: string | undefined
  /** Of files that have changed, and may still be written. */
  #changing: string | undefined
  #cancel: CancelTimer | undefined
  #isWatching = false
  #isClosed = false
  #warnedAt = Number.NEGATIVE_INFINITY

  /** @throws TlsError with all problems of the files */
  constructor(options: CertificatesOptions) {
    this.#options = options
    this.settings = options.settings
    this.#material = loadMaterial(options.settings)
    this.#warnOfExpiry()
  }

  /** For a server, without the settings about clients. */
  get serverOptions(): TlsOptions {
    const { settings } = this
    return contextOptions(this.#material.server, this.#material, settings)
  }

  /** For a server of HTTPS. */
  get httpsOptions(): TlsOptions {
    const { tlsAuthClients, tlsHandshakeTimeout } = this.settings
    return {
      ...this.serverOptions,
      requestCert: tlsAuthClients !== 'no',
      rejectUnauthorized: tlsAuthClients === 'yes',
      handshakeTimeout: tlsHandshakeTimeout,
    }
  }

  /** For connections to other nodes. */
  get clientContext(): SecureContext {
    this.#clientContext ??= createSecureContext(
      contextOptions(this.#material.client, this.#material, this.settings),
    )
    return this.#clientContext
  }

  /** The certificate that clients see. */
  get certificate(): X509Certificate {
    return this.#material.server.chain[0]
  }

  /** When it ends, ms since the epoch. */
  get expiresAt(): number {
    return Date.parse(this.certificate.validTo)
  }

  /** Calls a function whenever certificates or settings were replaced. Returns what ends that. */
  onReplaced(run: () => void): () => void {
    this.#replaced.add(run)
    return () => this.#replaced.delete(run)
  }

  /** Checks the files from now on, at the interval of the settings. */
  watch(): void {
    this.#isWatching = true
    this.#cancel?.()
    this.#cancel = undefined
    const { tlsAutoReloadInterval } = this.settings
    if (tlsAutoReloadInterval === 0 || this.#isClosed) return
    this.#cancel = this.#options.timers.after(tlsAutoReloadInterval, () => {
      void this.check().then(() => this.watch())
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancel?.()
    this.#replaced.clear()
  }

  /**
   * Checks the files once. Changed files are loaded when the next check finds them unchanged: certificate and key
   * are seldom replaced at one instant.
   */
  async check(): Promise<void> {
    const found = await this.#fingerprint()
    if (this.#isClosed) return
    this.#warnOfExpiry()
    if (found === this.#known) this.#changing = undefined
    // The first check: they may have changed since they were loaded, which a comparison of the content shows.
    else if (this.#known !== undefined && found !== this.#changing) this.#changing = found
    else {
      this.#known = found
      this.#changing = undefined
      this.reload()
    }
  }

  /**
   * Loads the files again. If they cannot be used, everything stays as it was.
   * @returns the problems; empty: none
   */
  reload(): readonly string[] {
    const { log } = this.#options
    try {
      const material = loadMaterial(this.settings)
      if (isSame(material, this.#material)) return []
      const problem = this.#outdated(material)
      if (problem !== undefined) throw new TlsError(problem)
      this.#use(material)
    } catch (error) {
      this.failures++
      const problems = error instanceof TlsError ? error.problems : [(error as Error).message]
      const text = problems.join('; ')
      log.warn(
        { problems },
        `TLS: the changed files cannot be used, so the previous certificates stay in use: ${text}`,
      )
      return problems
    }
    const { subject, validTo } = this.certificate
    log.info(
      { subject, validTo },
      `TLS: the certificates were replaced: ${oneLine(subject)}, valid to ${validTo}`,
    )
    return []
  }

  /**
   * Checks settings together with the files that they name, without using them.
   * @returns the problems, or a function that uses them
   */
  prepare(changes: Partial<TlsSettings>): PreparedTls | { readonly problems: readonly string[] } {
    const settings = { ...this.settings, ...changes }
    let material: Material
    try {
      material = loadMaterial(settings)
    } catch (error) {
      if (error instanceof TlsError) return { problems: error.problems }
      throw error
    }
    const isNew = !isSame(material, this.#material)
    const isChanged = isNew || !isDeepStrictEqual(settings, { ...this.settings })
    return { isNew, apply: () => (isChanged ? this.#apply(changes, material) : undefined) }
  }

  #apply(changes: Partial<TlsSettings>, material: Material): void {
    Object.assign(this.settings, changes)
    this.#known = undefined
    this.#use(material)
    if (this.#isWatching) this.watch()
  }

  #use(material: Material): void {
    this.#material = material
    this.#clientContext = undefined
    this.#warnedAt = Number.NEGATIVE_INFINITY
    this.replacements++
    this.#warnOfExpiry()
    for (const run of this.#replaced) run()
  }

  /** The reason why this certificate may not replace a valid one; `undefined`: it may. */
  #outdated({ server }: Material): string | undefined {
    const now = this.#options.now()
    const { tlsCertFile } = this.settings
    const [certificate] = server.chain
    if (!isValidAt(this.certificate, now) || isValidAt(certificate, now)) return undefined
    return `tls-cert-file: ${tlsCertFile}: it is valid from ${certificate.validFrom} to ${certificate.validTo} only`
  }

  #warnOfExpiry(): void {
    const now = this.#options.now()
    // Once a day.
    if (now - this.#warnedAt < DAY_MS) return
    const { validFrom, validTo } = this.certificate
    const { tlsCertFile } = this.settings
    const warning = validityWarning(this.certificate, now)
    if (warning === undefined) return
    this.#warnedAt = now
    const text = isValidAt(this.certificate, now) ? warning : `clients refuse it: ${warning}`
    this.#options.log.warn({ validFrom, validTo }, `tls-cert-file: ${tlsCertFile}: ${text}`)
  }

  #fingerprint(): Promise<string> {
    const { tlsCertFile, tlsKeyFile, tlsClientCertFile, tlsClientKeyFile, tlsCaCertFile, tlsCaCertDir } =
      this.settings
    const files = [tlsCertFile, tlsKeyFile, tlsClientCertFile, tlsClientKeyFile, tlsCaCertFile]
    return fingerprint(
      files.filter((file) => file !== ''),
      tlsCaCertDir === '' ? [] : [tlsCaCertDir],
    )
  }
}

function isSame(a: Material, b: Material): boolean {
  return textOf(a) === textOf(b)
}

function textOf({ server, client, authorities }: Material): string {
  const own = [server, client].flatMap(({ chain, key }) => [...chain.map(String), key.pem])
  return [...own, ...authorities.map(String)].join('\n')
}

/** A subject as Node.js writes it has one attribute a line. */
function oneLine(subject: string | undefined): string {
  return (subject ?? '').replaceAll('\n', ', ')
}
