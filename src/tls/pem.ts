// Reads certificates and keys from PEM files. Every error names the setting, the file and the reason; none shows content.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Certificates or keys that cannot be used; `problems` has one line for each problem. */
export class TlsError extends Error {
  override readonly name = 'TlsError'
  readonly problems: readonly string[]

  constructor(...problems: string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g
const KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this process may not read it',
  EPERM: 'this process may not read it',
  EISDIR: 'it is a folder, wants a file',
  ENOTDIR: 'a part of its path is not a folder',
  ELOOP: 'its symbolic links lead in a circle',
}

/** @throws TlsError */
export function readCertificates(setting: string, file: string): readonly X509Certificate[] {
  const blocks = read(setting, file).match(CERTIFICATE) ?? []
  if (blocks.length === 0) throw new TlsError(`${setting}: ${file}: there is no certificate in it, wants PEM`)
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block)
    } catch {
      throw new TlsError(`${setting}: ${file}: certificate ${i + 1} in it cannot be parsed`)
    }
  })
}

/**
 * The certificates of all files in a folder. Files without one are skipped: certificate folders also have lists of
 * revoked certificates and notes.
 * @throws TlsError
 */
export function readCertificateFolder(setting: string, folder: string): readonly X509Certificate[] {
  const found = new Map<string, X509Certificate>()
  for (const file of filesOf(setting, folder)) {
    for (const block of read(setting, file).match(CERTIFICATE) ?? []) {
      try {
        const certificate = new X509Certificate(block)
        found.set(certificate.fingerprint256, certificate)
      } catch {
        throw new TlsError(`${setting}: ${file}: a certificate in it cannot be parsed`)
      }
    }
  }
  if (found.size === 0)
    throw new TlsError(`${setting}: ${folder}: no file in it has a certificate, wants PEM`)
  return [...found.values()]
}

/**
 * The files of a folder that certificates are looked for in. Names with a dot at the beginning are Kubernetes's own.
 * @throws TlsError
 */
function filesOf(setting: string, folder: string): readonly string[] {
  const names = attempt(setting, folder, () => readdirSync(folder))
  return names
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .sort()
}

/** A private key, and its PEM without a passphrase. */
export interface PrivateKey {
  readonly object: KeyObject
  readonly pem: string
}

/**
 * @param pass the passphrase; empty: none
 * @param passSetting the setting of the passphrase
 * @throws TlsError
 */
export function readKey(setting: string, file: string, pass: string, passSetting: string): PrivateKey {
  const text = read(setting, file)
  if (!KEY.test(text)) throw new TlsError(`${setting}: ${file}: there is no private key in it, wants PEM`)
  try {
    const object = createPrivateKey({ key: text, ...(pass === '' ? {} : { passphrase: pass }) })
    return { object, pem: object.export({ type: 'pkcs8', format: 'pem' }) as string }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    const isEncrypted = code === 'ERR_MISSING_PASSPHRASE' || /ENCRYPTED/.test(text)
    if (isEncrypted && pass === '')
      throw new TlsError(`${setting}: ${file}: it is encrypted, wants ${passSetting}`)
    if (isEncrypted) throw new TlsError(`${setting}: ${file}: ${passSetting} does not decrypt it`)
    throw new TlsError(`${setting}: ${file}: the private key in it cannot be parsed`)
  }
}

function read(setting: string, file: string): string {
  return attempt(setting, file, () => readFileSync(file, 'utf8'))
}

function attempt<Result>(setting: string, path: string, run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new TlsError(`${setting}: ${path}: ${REASONS[code] ?? message}`)
  }
}
