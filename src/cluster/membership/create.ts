// Creates the membership that is configured.

import { DnsMembership } from './dns.ts'
import { EtcdMembership } from './etcd.ts'
import type { Membership, MembershipConfig } from './membership.ts'
import { StaticMembership } from './static.ts'

/** The membership is not started yet. */
export function createMembership(config: MembershipConfig): Membership {
  switch (config.kind) {
    case 'static':
      return new StaticMembership(config)
    case 'dns':
      return new DnsMembership(config)
    case 'etcd':
      return new EtcdMembership(config)
  }
}
