// Certificates are replaced when their files change, however that is done, and stay when the new ones are of no use.

import { renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Certificates } from '../../src/tls/certificates.ts'
import { defaultTlsSettings, type TlsSettings } from '../../src/tls/settings.ts'
import { Authority, type CertificateOptions, TlsFolder } from '../support/authority.ts'

const DAY_MS = 86_400_000

const authority = new Authority()
let folder: TlsFolder
let clock: ManualClock
let now: number
let log: string[]
let certificates: Certificates

beforeEach(() => {
  folder = new TlsFolder()
  clock = new ManualClock()
  now = Date.now()
  log = []
})

afterEach(() => {
  certificates.close()
  folder.remove()
})

function open(settings: Partial<TlsSettings> = {}): void {
  const line =
    (level: string) =>
    (_fields: object, message: string): void => {
      log.push(`${level} ${message}`)
    }
  certificates = new Certificates({
    settings: {
      ...defaultTlsSettings(),
      tlsCertFile: folder.file('node.crt'),
      tlsKeyFile: folder.file('node.key'),
      tlsAuthClients: 'no',
      ...settings,
    },
    timers: clock,
    now: () => now,
    log: { info: line('info'), warn: line('warn') },
  })
}

function put(commonName: string, options: CertificateOptions = {}): void {
  folder.put('node', authority.issue({ commonName, ...options }))
}

const name = (): string => certificates.certificate.subject

/** Two looks: the second one finds the files as the first one did. */
async function look(): Promise<void> {
  await certificates.check()
  await certificates.check()
}

describe('files that change', () => {
  test('are loaded once writes have stopped', async () => {
    put('first')
    open()
    await look()
    expect(log).toEqual([])
    let replaced = 0
    certificates.onReplaced(() => replaced++)
    put('second')
    await certificates.check()
    expect(name()).toBe('CN=first')
    await certificates.check()
    expect(name()).toBe('CN=second')
    expect(replaced).toBe(1)
    expect(log).toEqual([
      `info TLS: the certificates were replaced: CN=second, valid to ${certificates.certificate.validTo}`,
    ])
    await look()
    expect(certificates.replacements).toBe(1)
  })

  test('between two looks, while the node starts', async () => {
    put('first')
    open()
    put('second')
    await certificates.check()
    expect(name()).toBe('CN=second')
  })

  test('are found by the timer', async () => {
    put('first')
    open({ tlsAutoReloadInterval: 1000 })
    await look()
    certificates.watch()
    put('second')
    const replaced = new Promise<void>((resolve) => {
      certificates.onReplaced(resolve)
    })
    const step = setInterval(() => clock.advance(1000), 1)
    await replaced
    clearInterval(step)
    expect(name()).toBe('CN=second')
  })

  test('are replaced as Kubernetes does: by a link two levels above', async () => {
    const issue = (version: string): void => {
      const { cert, key } = authority.issue({ commonName: version })
      folder.write(`${version}/node.crt`, cert)
      folder.write(`${version}/node.key`, key)
    }
    issue('..v1')
    symlinkSync('..v1', folder.file('..data'))
    symlinkSync('..data/node.crt', folder.file('node.crt'))
    symlinkSync('..data/node.key', folder.file('node.key'))
    open()
    await look()
    expect(name()).toBe('CN=..v1')
    issue('..v2')
    symlinkSync('..v2', folder.file('..data_tmp'))
    renameSync(folder.file('..data_tmp'), folder.file('..data'))
    await look()
    expect(name()).toBe('CN=..v2')
    expect(log).toHaveLength(1)
  })

  test('with the same content replace nothing', async () => {
    const { cert, key } = authority.issue({ commonName: 'first' })
    folder.put('node', { cert, key })
    open()
    await look()
    unlinkSync(folder.file('node.crt'))
    writeFileSync(folder.file('node.crt'), cert)
    await look()
    expect(certificates.replacements).toBe(0)
    expect(log).toEqual([])
  })

  test('in a folder of authorities count, too', async () => {
    put('first')
    folder.write('cas/one.pem', authority.cert)
    open({ tlsCaCertDir: folder.file('cas') })
    await look()
    folder.write('cas/two.pem', new Authority('another CA').cert)
    await look()
    expect(certificates.replacements).toBe(1)
    expect(certificates.serverOptions.ca).toHaveLength(2)
  })
})

describe('files that are of no use', () => {
  test('leave everything as it was, which is logged once', async () => {
    put('first')
    open()
    await look()
    folder.write('node.crt', 'half a certif')
    await look()
    await look()
    expect(name()).toBe('CN=first')
    expect(certificates.failures).toBe(1)
    expect(log).toEqual([
      'warn TLS: the changed files cannot be used, so the previous certificates stay in use: ' +
        `tls-cert-file: ${folder.file('node.crt')}: there is no certificate in it, wants PEM`,
    ])
    put('second')
    await look()
    expect(name()).toBe('CN=second')
  })

  test('a certificate without its key', async () => {
    put('first')
    open()
    await look()
    folder.write('node.crt', authority.issue({ commonName: 'second' }).cert)
    await look()
    expect(name()).toBe('CN=first')
    expect(log[0]).toContain('it is not the key of the first certificate')
  })

  test('files that are gone', async () => {
    put('first')
    open()
    await look()
    unlinkSync(folder.file('node.key'))
    await look()
    expect(name()).toBe('CN=first')
    expect(log[0]).toContain(`tls-key-file: ${folder.file('node.key')}: there is no such file`)
  })

  test('a valid certificate is not replaced by an expired one, nor by one of tomorrow', async () => {
    put('first')
    open()
    await look()
    for (const options of [{ from: -3, to: -1 }, { from: 1 }]) {
      put('second', options)
      await look()
    }
    expect(name()).toBe('CN=first')
    expect(certificates.failures).toBe(2)
    expect(log[0]).toMatch(/node\.crt: it is valid from .* to .* only$/)
  })

  test('an expired one is replaced by any', async () => {
    put('first', { from: -9, to: -8 })
    open()
    put('second', { from: -3, to: -1 })
    await look()
    expect(name()).toBe('CN=second')
  })
})

describe('the end of a certificate', () => {
  test('is warned of two weeks before, once a day', async () => {
    put('first', { to: 20 })
    open()
    await look()
    expect(log).toEqual([])
    now += 7 * DAY_MS
    await look()
    expect(log).toEqual([
      `warn tls-cert-file: ${folder.file('node.crt')}: it expires at ${certificates.certificate.validTo}`,
    ])
    now += DAY_MS - 1
    await look()
    expect(log).toHaveLength(1)
    now += 1
    await look()
    expect(log).toHaveLength(2)
    now += 14 * DAY_MS
    await look()
    expect(log[2]).toContain('clients refuse it: it is valid from')
  })

  test('does not keep a node from starting', () => {
    put('first', { from: -3, to: -1 })
    open()
    expect(log).toHaveLength(1)
    expect(log[0]).toContain('clients refuse it')
  })
})

describe('settings', () => {
  test('are checked with their files, and used only then', () => {
    put('first')
    folder.put('other', authority.issue({ commonName: 'second' }))
    open()
    const [tlsCertFile, tlsKeyFile] = [folder.file('other.crt'), folder.file('other.key')]
    const problems = (changes: Partial<TlsSettings>): string => {
      const prepared = certificates.prepare(changes)
      return 'problems' in prepared ? prepared.problems.join() : 'none'
    }
    expect(problems({ tlsCertFile })).toContain('it is not the key of the first certificate')
    expect(problems({ tlsAuthClients: 'yes' })).toContain('tls-ca-cert-file: got nothing')
    const prepared = certificates.prepare({ tlsCertFile, tlsKeyFile })
    expect(name()).toBe('CN=first')
    if ('problems' in prepared) throw new Error(prepared.problems.join())
    prepared.apply()
    expect(name()).toBe('CN=second')
    expect(certificates.settings).toMatchObject({ tlsCertFile, tlsKeyFile })
  })
})
