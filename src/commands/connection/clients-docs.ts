// The longer documentation of CLIENT LIST and CLIENT KILL.

import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import { arg, oneOf, option, token } from '../spec/shorthand.ts'

const ADDRESS = { optional: true, display: 'ip:port' } as const

export const clientKillHistory: CommandSpec['history'] = [
  ['2.8.12', 'Added new filter format.'],
  ['2.8.12', '`ID` option.'],
  ['3.2.0', 'Added `master` type in for `TYPE` option.'],
  ['5.0.0', 'Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.'],
  ['6.2.0', '`LADDR` option.'],
]

export const clientKillArguments: readonly ArgumentSpec[] = [
  oneOf('filter', [
    arg('old-format', 'string', { display: 'ip:port', deprecatedSince: '2.8.12' }),
    oneOf(
      'new-format',
      [
        option('ID', 'client-id', 'integer', { optional: true, since: '2.8.12' }),
        oneOf(
          'client-type',
          [
            token('NORMAL'),
            token('MASTER', { since: '3.2.0' }),
            token('SLAVE'),
            token('REPLICA', { since: '5.0.0' }),
            token('PUBSUB'),
          ],
          { token: 'TYPE', optional: true, since: '2.8.12' },
        ),
        option('USER', 'username', 'string', { optional: true }),
        option('ADDR', 'addr', 'string', ADDRESS),
        option('LADDR', 'laddr', 'string', { ...ADDRESS, since: '6.2.0' }),
        oneOf('skipme', [token('YES'), token('NO')], { token: 'SKIPME', optional: true }),
      ],
      { multiple: true },
    ),
  ]),
]

export const clientListHistory: CommandSpec['history'] = [
  ['2.8.12', 'Added unique client `id` field.'],
  ['5.0.0', 'Added optional `TYPE` filter.'],
  ['6.0.0', 'Added `user` field.'],
  ['6.2.0', 'Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.'],
  ['7.0.0', 'Added `resp`, `multi-mem`, `rbs` and `rbp` fields.'],
  ['7.0.3', 'Added `ssub` field.'],
]

export const clientListArguments: readonly ArgumentSpec[] = [
  oneOf('client-type', [token('NORMAL'), token('MASTER'), token('REPLICA'), token('PUBSUB')], {
    token: 'TYPE',
    optional: true,
    since: '5.0.0',
  }),
  option('ID', 'client-id', 'integer', { optional: true, multiple: true, since: '6.2.0' }),
]
