// `erinys check` names certificates that are not valid now, or not for long, with their dates.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { resolveLayers } from '../../src/config/config.ts'
import { tlsWarnings } from '../../src/config/listening.ts'
import { Authority, type CertificateOptions, TlsFolder } from '../support/authority.ts'

let folder: TlsFolder
beforeEach(() => {
  folder = new TlsFolder()
})
afterEach(() => folder.remove())

const authority = new Authority()

function warningsOf(server: CertificateOptions, client?: CertificateOptions): readonly string[] {
  const { cert, key } = folder.put('node', authority.issue(server))
  const own = client && folder.put('client', authority.issue({ ...client, commonName: 'own client' }))
  const { config } = resolveLayers({
    config: {
      tlsPort: 7001,
      tlsCertFile: cert,
      tlsKeyFile: key,
      tlsCaCertFile: folder.write('ca.crt', authority.cert),
      ...(own && { tlsClientCertFile: own.cert, tlsClientKeyFile: own.key }),
    },
  })
  return tlsWarnings(config, Date.now())
}

test('nothing is said of certificates that are valid for long', () => {
  expect(warningsOf({ from: -1, to: 100 }, { from: -1, to: 100 })).toEqual([])
})

test.each([
  ['expired', { from: -20, to: -10 }, /: it is valid from \w+ .* to \w+ .* only$/],
  ['not valid yet', { from: 10, to: 100 }, /: it is valid from \w+ .* to \w+ .* only$/],
  ['valid for a few days', { from: -10, to: 5 }, /: it expires at \w+ .*$/],
])('a certificate that is %s', (_, dates, text) => {
  const [warning, ...others] = warningsOf(dates)
  expect(warning).toMatch(text)
  expect(warning).toContain(`tls-cert-file: ${folder.file('node.crt')}: CN=localhost: `)
  expect(others).toEqual([])
})

test('a certificate of its own for other nodes is named, too', () => {
  const [warning] = warningsOf({ from: -1, to: 100 }, { from: -20, to: -10 })
  expect(warning).toMatch(/^tls-client-cert-file: .*client\.crt: CN=own client: it is valid from/)
})

test('without TLS the files do not matter', () => {
  expect(tlsWarnings(resolveLayers({ config: { tlsCertFile: '/nowhere' } }).config, Date.now())).toEqual([])
})
