// Random combinations of ACL rules, compared with redis-server: which are refused, how, and what they allow together.

import { test } from 'vitest'
import { type Command, expectSameReplies, RawClient } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { type Random, RUNS_FACTOR, seededRandom } from '../../support/random.ts'
import { describeWithRedis } from '../../support/redis-server.ts'

const USERS_OF_A_TEST = 200

const KEYS =
  '%RW~* %WR~* %R~* %W~* ~* allkeys ALLKEYS resetkeys ~x ~y* %R~x %W~x %RW~x %r~y* %w~y* ~ %R~ %W~ %RW~ % %~ %~x ' +
  '%RR~x %RWR~x %X~x ~** %RW~** ~[a ~\\* ~a~b %R~~x ~%R~x ~x) ~(x %R~x%W~y'
const CHANNELS = '&* allchannels resetchannels &x &y* & &** &x) &&x'
const COMMANDS =
  '+get -get +set -set +GET +@all -@all +@ALL allcommands nocommands +@read -@read +@READ +@write -@write +@keyspace ' +
  '+@string +@dangerous -@dangerous +@admin +@connection -@connection +@fast -@slow +config -config +config|get ' +
  '-config|get +config|set +CONFIG|GET +client +client|id -client|id +select +select|0 +select|1 -select|0 +ping -ping ' +
  '+ping|a +object|help +acl +get|x +@ -@ + - +get| +|get +config|nosuch +nosuch +@nosuch -@nosuch ++get +-get +@@all ' +
  '+config|get|x -config|get|x +select|0|1 +config| +config|* +*'
const OTHERS =
  'on off ON nopass resetpass >p >q <p <nope # ! > < >p>q #abc reset RESET clearselectors sanitize-payload ' +
  'skip-sanitize-payload nosuch @ ? | () ) (+get) (nosuch) (on) (>p) (~x) (%R~y*)'
/** Rules with spaces in them. */
const SPACED = [
  '(+get ~x)',
  '( +get %W~* )',
  '(%RW~* ~x +get)',
  '(~* ~x)',
  '(%R~* %W~* ~x +set)',
  '(&* &x)',
  '(+@all -get)',
  '(allkeys resetkeys ~y)',
  '( )',
  '(+get ~x) (+set ~y)',
  '',
  ' ',
  '~a b',
  '&a b',
  '+get set',
]
const KINDS = [KEYS, KEYS, KEYS, COMMANDS, COMMANDS, CHANNELS, OTHERS]
  .map((text) => text.split(' '))
  .concat([SPACED])

/** What the user is asked about after its rules have changed. */
const REQUESTS = [
  'GET x | SET x 1 | SET x 1 GET | GET y1 | SET y1 1 | GET q | SET q 1 | SET q 1 GET | EXISTS q | TTL x | COPY x y1 | KEYS *',
  'CONFIG GET a | CONFIG SET a b | CLIENT ID | SELECT 0 | SELECT 1 | PING | PING a | ACL WHOAMI | OBJECT HELP | FLUSHALL',
].flatMap((line) => line.split(' | ').map((request) => ['ACL', 'DRYRUN', 'u', ...request.split(' ')]))

/** Changes of one user in up to three requests of up to four rules. */
function changes(random: Random): Command[] {
  const oneOf = <T>(list: readonly T[]): T => list[random() % list.length]
  const setUser = (): Command => {
    const rules = Array.from({ length: 1 + (random() % 4) }, () => oneOf(oneOf(KINDS)))
    return ['ACL', 'SETUSER', 'u', ...rules]
  }
  return Array.from({ length: 1 + (random() % 3) }, setUser)
}

/**
 * Errors do not repeat passwords here. A list of commands depends on the version of Redis: what the rules allow is
 * compared instead. `%RW~*` beside other patterns is printed in a form that can be read again.
 */
function comparable(reply: string): string {
  return reply
    .replace(/modifier '(\(?[><#!])[^']*'/, "modifier '$1…'")
    .replace(/(\$8\r\ncommands\r\n)\$\d+\r\n[^\r]*/g, '$1…')
    .replace(/\$\d+(\r\n[^\r]*)%RW(~\*)/g, '$…$1$2')
    .replace(/\$\d+(\r\n[^\r]* ~\*|\r\n~\* [^\r]*)/g, '$…$1')
}

describeWithRedis('rules do what they do in redis-server', (redis) => {
  test.each(Array.from({ length: Math.ceil(2 * RUNS_FACTOR) }, (_, i) => i + 1))('seed %i', async (seed) => {
    const client = await RawClient.connect(redis().socketPath)
    const harness = new Harness({ now: Date.now() })
    const random = seededRandom(seed * 0x9e3779b1)
    for (let i = 0; i < USERS_OF_A_TEST; i++) {
      const commands = changes(random).flatMap((change) => [change, ['ACL', 'GETUSER', 'u']])
      await expectSameReplies(client, harness, [...commands, ...REQUESTS], comparable)
      await client.run([['ACL', 'DELUSER', 'u']])
      await harness.call('ACL', 'DELUSER', 'u')
    }
    client.close()
  })
})
