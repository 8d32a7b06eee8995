// The parameters of CONFIG about users.

import type { Access } from '../../access/access.ts'
import { latin1 } from '../../access/text.ts'
import type { Parameter } from '../../commands/spec/parameter.ts'
import { anyText, integer, oneOf } from '../parameters/values.ts'
import type { ServerSettings } from '../settings.ts'

/** Shown instead of a password. */
const REDACTED = '(redacted)'

const CHANNEL_DEFAULTS = ['allchannels', 'resetchannels'] as const

/** They change `settings` too: a reload compares its configuration with these. */
export function accessParameters({ log, rules, users }: Access, settings: ServerSettings): Parameter[] {
  return [
    {
      name: 'requirepass',
      get: () => (users.hasDefaultPassword ? REDACTED : ''),
      accept: (text) =>
        anyText(text, (password) => {
          settings.requirepass = password
          users.setDefaultPassword(latin1(password))
        }),
    },
    {
      name: 'acllog-max-len',
      get: () => String(log.maxLength),
      accept: (text) =>
        integer(0)(text, (length) => {
          settings.acllogMaxLen = length
          log.maxLength = length
        }),
    },
    {
      name: 'acl-pubsub-default',
      get: () => (rules.allowsChannels ? 'allchannels' : 'resetchannels'),
      accept: (text) =>
        oneOf(CHANNEL_DEFAULTS)(text, (word) => {
          settings.aclPubsubDefault = word
          rules.allowsChannels = word === 'allchannels'
        }),
    },
    { name: 'aclfile', get: () => settings.aclfile },
  ]
}
