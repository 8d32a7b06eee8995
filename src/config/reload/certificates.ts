// The certificates of a node as a part that applies a changed configuration: also files that have changed.

import { ReloadError } from '../../commands/spec/host.ts'
import type { Certificates } from '../../tls/certificates.ts'
import { RELOADABLE_TLS, type TlsSettings } from '../../tls/settings.ts'
import type { NodeConfig } from '../config.ts'
import type { PreparedChange, Reloadable } from './reloadable.ts'

export class ReloadableCertificates implements Reloadable {
  readonly #certificates: Certificates

  constructor(certificates: Certificates) {
    this.#certificates = certificates
  }

  prepare(config: NodeConfig): PreparedChange {
    const changes = Object.fromEntries(RELOADABLE_TLS.map((name) => [name, config[name]]))
    const prepared = this.#certificates.prepare(changes as Partial<TlsSettings>)
    if ('problems' in prepared) throw new ReloadError(prepared.problems)
    const { isNew, apply } = prepared
    return { lines: isNew ? ['certificates of TLS: replaced by those in the files'] : [], apply }
  }
}
