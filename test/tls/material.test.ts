// What is wrong with files of TLS: the setting, the file and the reason, and nothing of a key.

import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadMaterial } from '../../src/tls/material.ts'
import { TlsError } from '../../src/tls/pem.ts'
import { defaultTlsSettings, type TlsSettings } from '../../src/tls/settings.ts'
import { Authority, TlsFolder } from '../support/authority.ts'

const authority = new Authority()
const other = new Authority('another CA')
let folder: TlsFolder
let good: TlsSettings

beforeEach(() => {
  folder = new TlsFolder()
  const { cert, key } = folder.put('node', authority.issue())
  good = {
    ...defaultTlsSettings(),
    tlsCertFile: cert,
    tlsKeyFile: key,
    tlsCaCertFile: folder.write('ca.crt', authority.cert),
  }
})

afterEach(() => folder.remove())

/** What is wrong with the good settings after these changes. */
function problems(changes: Partial<TlsSettings>): readonly string[] {
  try {
    loadMaterial({ ...good, ...changes })
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(TlsError)
    expect((error as Error).message).not.toMatch(/PRIVATE|MIG|MII/)
    return (error as TlsError).problems
  }
}

describe('files', () => {
  test('that are right are taken', () => {
    const { server, client, authorities } = loadMaterial(good)
    expect(server.chain[0].subject).toBe('CN=localhost')
    expect(client).toBe(server)
    expect(authorities.map(({ subject }) => subject)).toEqual(['CN=test CA'])
  })

  test('that are missing', () => {
    const cert = folder.file('none.crt')
    expect(problems({ tlsCertFile: cert })).toEqual([`tls-cert-file: ${cert}: there is no such file`])
    expect(problems({ tlsCertFile: '' })).toEqual([
      'tls-cert-file: got nothing, wants the file of the certificate',
    ])
    expect(problems({ tlsKeyFile: '' })).toEqual([
      `tls-key-file: got nothing, wants the file of the private key of ${good.tlsCertFile}`,
    ])
  })

  test('all problems are reported at once', () => {
    const [cert, ca] = [folder.file('none.crt'), folder.file('none.ca')]
    expect(problems({ tlsCertFile: cert, tlsCaCertFile: ca })).toEqual([
      `tls-cert-file: ${cert}: there is no such file`,
      `tls-ca-cert-file: ${ca}: there is no such file`,
    ])
  })

  test('that are folders, or links in a circle', () => {
    expect(problems({ tlsCertFile: folder.path })).toEqual([
      `tls-cert-file: ${folder.path}: it is a folder, wants a file`,
    ])
    const loop = folder.file('loop')
    symlinkSync(loop, loop)
    expect(problems({ tlsKeyFile: loop })).toEqual([
      `tls-key-file: ${loop}: its symbolic links lead in a circle`,
    ])
  })

  test.skipIf(process.getuid?.() === 0)('that must not be read', () => {
    chmodSync(good.tlsKeyFile, 0)
    expect(problems({})).toEqual([`tls-key-file: ${good.tlsKeyFile}: this process may not read it`])
  })

  test('with something else in them', () => {
    const text = folder.write('text', 'no PEM')
    const torn = folder.write('torn', authority.cert.replace(/MII.{20}/, 'MII'))
    expect(problems({ tlsCertFile: text })).toEqual([
      `tls-cert-file: ${text}: there is no certificate in it, wants PEM`,
    ])
    expect(problems({ tlsCertFile: torn })).toEqual([
      `tls-cert-file: ${torn}: certificate 1 in it cannot be parsed`,
    ])
    expect(problems({ tlsKeyFile: text })).toEqual([
      `tls-key-file: ${text}: there is no private key in it, wants PEM`,
    ])
    expect(problems({ tlsKeyFile: good.tlsCertFile })).toEqual([
      `tls-key-file: ${good.tlsCertFile}: there is no private key in it, wants PEM`,
    ])
    const broken = folder.write('broken', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
    expect(problems({ tlsKeyFile: broken })).toEqual([
      `tls-key-file: ${broken}: the private key in it cannot be parsed`,
    ])
  })

  test('with the key of another certificate', () => {
    const { key } = folder.put('other', authority.issue())
    expect(problems({ tlsKeyFile: key })).toEqual([
      `tls-key-file: ${key}: it is not the key of the first certificate in ${good.tlsCertFile}`,
    ])
  })
})

describe('encrypted keys', () => {
  test('need their passphrase', () => {
    const { cert, key } = folder.put('secret', authority.issue({ pass: 'open sesame' }))
    const files = { tlsCertFile: cert, tlsKeyFile: key }
    expect(problems({ ...files, tlsKeyFilePass: 'open sesame' })).toEqual([])
    expect(problems(files)).toEqual([`tls-key-file: ${key}: it is encrypted, wants tls-key-file-pass`])
    expect(problems({ ...files, tlsKeyFilePass: 'wrong' })).toEqual([
      `tls-key-file: ${key}: tls-key-file-pass does not decrypt it`,
    ])
  })
})

describe('authorities', () => {
  test('are needed if clients or nodes are verified', () => {
    expect(problems({ tlsCaCertFile: '' })).toEqual([
      'tls-ca-cert-file: got nothing, wants the CA that clients (tls-auth-clients yes) are verified by, or tls-auth-clients no',
    ])
    expect(problems({ tlsCaCertFile: '', tlsAuthClients: 'no' })).toEqual([])
    expect(problems({ tlsCaCertFile: '', tlsAuthClients: 'no', tlsCluster: true })).toEqual([
      'tls-ca-cert-file: got nothing, wants the CA that other nodes (tls-cluster yes) are verified by',
    ])
  })

  test('come from a folder, too, whatever else is in it', () => {
    folder.write('cas/one.pem', authority.cert)
    folder.write('cas/same.pem', authority.cert)
    folder.write('cas/two.crt', other.cert)
    folder.write('cas/README', 'no certificate')
    folder.write('cas/.hidden', other.cert)
    const tlsCaCertDir = folder.file('cas')
    const { authorities } = loadMaterial({ ...good, tlsCaCertFile: '', tlsCaCertDir })
    expect(authorities.map(({ subject }) => subject).sort()).toEqual(['CN=another CA', 'CN=test CA'])
    const empty = folder.file('empty')
    mkdirSync(empty)
    expect(problems({ tlsCaCertDir: empty })).toEqual([
      `tls-ca-cert-dir: ${empty}: no file in it has a certificate, wants PEM`,
    ])
  })

  test('must have issued what other nodes are shown', () => {
    const { cert, key } = folder.put('stranger', other.issue())
    const stranger = { tlsCertFile: cert, tlsKeyFile: key }
    expect(problems(stranger)).toEqual([])
    expect(problems({ ...stranger, tlsCluster: true })).toEqual([
      `tls-cert-file: ${cert}: no CA of tls-ca-cert-file has issued it, so other nodes would refuse this one`,
    ])
  })
})

describe('the use of a certificate', () => {
  test('is that of a server', () => {
    const { cert, key } = folder.put('client', authority.issue({ uses: ['client'] }))
    expect(problems({ tlsCertFile: cert, tlsKeyFile: key })).toEqual([
      `tls-cert-file: ${cert}: its extended key usage is not that of a server (serverAuth)`,
    ])
  })

  test('is that of a client for other nodes', () => {
    const { cert, key } = folder.put('server', authority.issue({ uses: ['server'] }))
    const files = { tlsCertFile: cert, tlsKeyFile: key, tlsCluster: true }
    expect(problems({ ...files, tlsCluster: false })).toEqual([])
    expect(problems(files)).toEqual([
      `tls-cert-file: ${cert}: its extended key usage is not that of a client (clientAuth), which other nodes want: ` +
        'set tls-client-cert-file and tls-client-key-file',
    ])
    const own = folder.put('link', authority.issue({ uses: ['client'] }))
    expect(problems({ ...files, tlsClientCertFile: own.cert, tlsClientKeyFile: own.key })).toEqual([])
  })
})

test('ciphers that OpenSSL does not know', () => {
  expect(problems({ tlsCiphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).toEqual([])
  expect(problems({ tlsCiphers: 'NO-SUCH-CIPHER' })).toEqual([
    'tls-ciphers: got names that OpenSSL does not know, wants those of `openssl ciphers`',
  ])
})
