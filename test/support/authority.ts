// Certificate authorities for tests: they issue certificates of any name and age, in this process.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bits, der, integer, octets, oid, sequence, set, text, time, yes } from './der.ts'

const DAY_MS = 86_400_000
const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const USES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const

export interface CertificateOptions {
  readonly commonName?: string
  /** DNS names and IP addresses. */
  readonly names?: readonly string[]
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  /** Extended key usage; by default none. */
  readonly uses?: readonly (keyof typeof USES)[]
  /** Encrypts the key. */
  readonly pass?: string
}

/** A certificate and its key, PEM. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

export class Authority {
  /** PEM. */
  readonly cert: string
  readonly #key: KeyObject
  readonly #name: string

  constructor(name = 'test CA') {
    this.#name = name
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#key = privateKey
    const isAuthority = extension('2.5.29.19', true, sequence(yes))
    this.cert = pem('CERTIFICATE', this.#sign(name, publicKey, [isAuthority], {}))
  }

  issue(options: CertificateOptions = {}): Issued {
    const { commonName = 'localhost', names = ['localhost', '127.0.0.1'], uses = [], pass } = options
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const extensions = [
      ...(names.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...names.map(alternative)))]),
      ...(uses.length === 0
        ? []
        : [extension('2.5.29.37', false, sequence(...uses.map((use) => oid(USES[use]))))]),
    ]
    const format = { type: 'pkcs8', format: 'pem' } as const
    return {
      cert: pem('CERTIFICATE', this.#sign(commonName, publicKey, extensions, options)),
      key: String(
        privateKey.export(
          pass === undefined ? format : { ...format, cipher: 'aes-256-cbc', passphrase: pass },
        ),
      ),
    }
  }

  #sign(
    commonName: string,
    key: KeyObject,
    extensions: readonly Buffer[],
    { from = -1, to = 365 }: Pick<CertificateOptions, 'from' | 'to'>,
  ): Buffer {
    const now = Math.floor(Date.now() / 1000) * 1000
    const content = sequence(
      der(0xa0, integer(Buffer.from([2]))), // version 3
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ECDSA_WITH_SHA256,
      distinguished(this.#name),
      sequence(time(now + from * DAY_MS), time(now + to * DAY_MS)),
      distinguished(commonName),
      key.export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
    )
    return sequence(content, ECDSA_WITH_SHA256, bits(sign('sha256', content, this.#key)))
  }
}

function distinguished(commonName: string): Buffer {
  return sequence(set(sequence(oid('2.5.4.3'), text(commonName))))
}

function extension(id: string, isCritical: boolean, content: Buffer): Buffer {
  return sequence(oid(id), ...(isCritical ? [yes] : []), octets(content))
}

/** One subject alternative name. */
function alternative(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, Buffer.from(name.split('.').map(Number)))
  return der(0x82, Buffer.from(name))
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

/** A folder of files that goes with the test. */
export class TlsFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'erinys-tls-'))

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name)
  }

  /** Writes a file; returns its path. */
  write(name: string, content: string): string {
    mkdirSync(join(this.file(name), '..'), { recursive: true })
    writeFileSync(this.file(name), content)
    return this.file(name)
  }

  /** Writes `<name>.crt` and `<name>.key`. */
  put(name: string, { cert, key }: Issued): { readonly cert: string; readonly key: string } {
    return { cert: this.write(`${name}.crt`, cert), key: this.write(`${name}.key`, key) }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
