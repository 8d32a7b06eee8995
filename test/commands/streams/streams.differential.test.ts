// The stream commands compared with redis-server: edge cases, then random sequences.

import fc from 'fast-check'
import { test } from 'vitest'
import { extreme, numberedStream } from '../../store/rdb/made.ts'
import { withFooter } from '../../store/rdb/values.ts'
import { type Command, commandsOf, describeComparison, testEdges } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import type { RedisReply } from '../../support/resp.ts'

const MAX = '18446744073709551615'
const LONG_MAX = '9223372036854775807'
/** A minimum idle time that no entry has. */
const AGES = '100000000000'

/** Sequences of commands with `|` between them; a word in double quotes is JSON, of which each character is a byte. */
const EDGES: Readonly<Record<string, string>> = {
  XADD: String.raw`
    XADD | XADD s | XADD s * | XADD s * f | XADD s 1-1 f | XADD s 1-1 f v g | XADD s 0-0 f v | XADD s 0 f v | EXISTS s
    XADD s 1-1 f v | XADD s 1-1 f v | XADD s 1-0 f v | XADD s 1 f v | XADD s 0-1 f v | XADD s 1-* f v | XADD s 1-* f v
    XADD s 2-* f v | XADD s 1-* f v | XADD s 0-* f v | XADD new 0-* f v | XADD s - f v | XADD s + f v | XADD s x f v
    XADD s 1-x f v | XADD s x-1 f v | XADD s -1-1 f v | XADD s 3--1 f v | XADD s "3-" f v | XADD s "" f v | XADD s "3-1 " f v
    XADD s " 3-1" f v | XADD s +4-1 f v | XADD s 5-+1 f v | XADD s "6- 1" f v | XADD s 007-1 f v | XADD s 8-01 f v
    XADD s "9- -5" f v | XADD s 9-* f v | XADD s 10-1-1 f v | XADD s "11-1\u0000x" f v | XADD s 12-** f v | XADD s *-1 f v
    XADD s ${MAX}-${MAX} f v | XADD s * f v | XADD s ${MAX}-* f v | XADD s ${MAX}-${MAX} f v | XADD s 18446744073709551616-0 f v
    XADD t ${MAX}-* f v | XADD t ${MAX}-* f v | XADD t 1 f v | XADD u 1-18446744073709551616 f v
    XADD v NOMKSTREAM 1-1 f v | XADD v nomkstream * f v | EXISTS v | XADD v NOMKSTREAM 0-0 f v | XADD s NOMKSTREAM 1-1 f v
    XADD w 1-1 "" "" "\r\n" "\u0000\u00ff" | XRANGE w - + | TYPE w | XADD w 2-1 f v f v2 f v3 | XRANGE w - +
    SET str x | XADD str 1-1 f v | XLEN str | XRANGE str - + | XDEL str 1 | XTRIM str MAXLEN 1 | XSETID str 1 | XREAD STREAMS str 0
    XADD str NOMKSTREAM 1-1 f v | XADD str 0-0 f v | OBJECT ENCODING w`,
  'XADD with trimming': `
    XADD s MAXLEN 1-1 f v | XADD s MAXLEN 2 1-1 f v | XADD s MAXLEN = 2 1-2 f v | XADD s MAXLEN ~ 2 1-3 f v | XLEN s
    XADD s MAXLEN 2 1-4 f v | XLEN s | XADD s MAXLEN -1 1-5 f v | XADD s MAXLEN x 1-5 f v | XADD s MAXLEN 0 1-5 f v | XLEN s
    XADD s MINID 1-7 1-6 f v | XLEN s | XADD s MINID x 1-7 f v | XADD s MINID - 1-7 f v | XADD s MINID = 1-7 1-7 f v | XRANGE s - +
    XADD s MAXLEN 1 MINID 1 2-1 f v | XADD s MAXLEN 1 MAXLEN 1 2-1 f v | XADD s LIMIT 1 2-1 f v | XADD s LIMIT 0 2-1 f v
    XADD s LIMIT 10 x f v | XADD s MAXLEN 5 LIMIT 1 2-2 f v | XADD s MAXLEN ~ 5 LIMIT 1 2-3 f v | XADD s MAXLEN ~ 5 LIMIT -1 2-4 f v
    XADD s MAXLEN ~ 5 LIMIT x 2-4 f v | XADD s MAXLEN = 5 LIMIT 1 2-4 f v | XADD s LIMIT 1 MAXLEN ~ 5 2-4 f v
    XADD s MAXLEN ~ 5 NOMKSTREAM 2-5 f v | XADD s NOMKSTREAM MAXLEN ~ 5 2-6 f v | XADD s MAXLEN ~ | XADD s MAXLEN ~ 5 | XADD s MAXLEN = =
    XADD s maxlen ~ 0 limit 0 2-7 f v | XLEN s | XADD s MAXLEN ${LONG_MAX} 2-8 f v | XADD s MAXLEN 9223372036854775808 2-9 f v
    XADD s MINID ~ 3 LIMIT 1 2-10 f v | XADD s MINID ~ ~ 2-11 f v`,
  'XRANGE and XREVRANGE': `
    XADD s 1-1 a 1 | XADD s 1-2 a 2 b 3 | XADD s 2-0 b 1 | XADD s 3-5 a 1 | XADD s ${MAX}-${MAX} z z
    XRANGE s - + | XREVRANGE s + - | XRANGE s + - | XRANGE s 1 1 | XRANGE s 1-2 2 | XRANGE s (1-1 + | XRANGE s - (2 | XRANGE s (1 (3-5
    XRANGE s (- + | XRANGE s - (+ | XRANGE s ( + | XRANGE s (${MAX}-${MAX} + | XRANGE s - (0-0 | XRANGE s - (0 | XRANGE s (${MAX} +
    XREVRANGE s (2 1 | XREVRANGE s + (1-2 | XREVRANGE s 2 | XRANGE s | XRANGE s - | XRANGE s x + | XRANGE s - x | XRANGE s - + COUNT
    XRANGE s - + COUNT 2 | XREVRANGE s + - COUNT 2 | XRANGE s - + COUNT 0 | XRANGE s - + COUNT -1 | XRANGE s - + COUNT x
    XRANGE s - + COUNT ${LONG_MAX} | XRANGE s - + COUNT 1 COUNT 3 | XRANGE s - + FOO 1 | XRANGE none - + | XRANGE none - + COUNT 0
    XRANGE none x + | XRANGE none - + COUNT x | XRANGE s ${MAX} + | XREVRANGE s ${MAX}-1 2-1 | XLEN s | XLEN none | XLEN | XLEN s s`,
  'XDEL and XTRIM': `
    XADD s 1-1 a 1 | XADD s 2-1 a 1 | XADD s 3-1 a 1 | XADD s 4-1 b 1 | XADD s 5-1 a 1 | XADD s 6-1 a 1
    XDEL s | XDEL s 1 | XDEL s 1-1 1-1 | XDEL s 2-1 x | XDEL s 2-1 9-9 3-1 | XRANGE s - + | XDEL none 1 | XDEL none x | XINFO STREAM s
    XTRIM s | XTRIM s MAXLEN | XTRIM s MAXLEN = | XTRIM s FOO 1 | XTRIM s MAXLEN 5 | XTRIM s MAXLEN 2 | XRANGE s - + | XTRIM s MINID 6-1
    XTRIM s MINID 6-2 | XLEN s | EXISTS s | XINFO STREAM s | XADD s 6-1 a 1 | XADD s 7-1 a 1 | XTRIM s MAXLEN ~ 0 | XLEN s
    XTRIM s MAXLEN ~ 0 LIMIT 1 | XTRIM none MAXLEN 0 | XTRIM none MAXLEN x | XTRIM s MAXLEN 0 LIMIT 1 | XTRIM s LIMIT 1
    XTRIM s MAXLEN ~ 0 LIMIT 0 | XTRIM s MINID x | XTRIM s MINID - | XTRIM s MAXLEN 0 MINID 0 | XTRIM s MAXLEN 1 x | XTRIM s NOMKSTREAM MAXLEN 1`,
  XSETID: `
    XSETID none 1 | XADD s 5-5 f v | XSETID s 5-4 | XSETID s 5-5 | XSETID s 6 | XADD s 6-0 f v | XADD s 6-1 f v | XSETID s x | XSETID s -
    XSETID s $ | XSETID s 9 ENTRIESADDED | XSETID s 9 ENTRIESADDED 1 | XSETID s 9 ENTRIESADDED -1 | XSETID s 9 ENTRIESADDED x
    XSETID s 9 ENTRIESADDED 10 MAXDELETEDID 10 | XSETID s 9 MAXDELETEDID 3 | XSETID s 9 MAXDELETEDID | XSETID s 9 ENTRIESADDED 10 MAXDELETEDID 3
    XINFO STREAM s | XSETID s 10 FOO 1 | XSETID s 10 MAXDELETEDID 0-0 | XINFO STREAM s | XDEL s 5-5 6-1 | XSETID s 1 ENTRIESADDED 0
    XINFO STREAM s | XSETID s 1 ENTRIESADDED ${LONG_MAX} | XINFO STREAM s | XSETID none x | XSETID none 1 ENTRIESADDED x`,
  XGROUP: String.raw`
    XGROUP | XGROUP FOO | XGROUP FOO s g | XGROUP CREATE | XGROUP CREATE s | XGROUP CREATE s g | XGROUP CREATE s g 0 | XGROUP CREATE s g $
    XGROUP CREATE s g x MKSTREAM | EXISTS s | XGROUP CREATE s g $ MKSTREAM | XGROUP CREATE s g $ MKSTREAM | XGROUP CREATE s g 0 | XLEN s
    XINFO GROUPS s | XINFO STREAM s | XADD s 1-1 f v | XADD s 2-1 f v | XGROUP CREATE s h $ | XGROUP CREATE s i 1-1 ENTRIESREAD 1
    XGROUP CREATE s j 0 ENTRIESREAD | XGROUP CREATE s j 0 ENTRIESREAD -2 | XGROUP CREATE s j 0 ENTRIESREAD x | XGROUP CREATE s j 0 FOO
    XGROUP CREATE s j - | XGROUP CREATE s j + | XGROUP CREATE s j 1 ENTRIESREAD -1 MKSTREAM | XGROUP CREATE s k 1 MKSTREAM MKSTREAM
    XINFO GROUPS s | XGROUP SETID s | XGROUP SETID s g | XGROUP SETID s g 1-1 | XGROUP SETID s g $ | XGROUP SETID s none 1
    XGROUP SETID none g 1 | XGROUP SETID s g - | XGROUP SETID s g + | XGROUP SETID s g 1 ENTRIESREAD 7 | XGROUP SETID s g 1 MKSTREAM
    XGROUP SETID s g x | XGROUP SETID s g 1 ENTRIESREAD -5 | XINFO GROUPS s | XGROUP CREATECONSUMER s g c | XGROUP CREATECONSUMER s g c
    XGROUP CREATECONSUMER s none c | XGROUP CREATECONSUMER none g c | XGROUP CREATECONSUMER s g | XGROUP DELCONSUMER s g c
    XGROUP DELCONSUMER s g c | XGROUP DELCONSUMER s none c | XGROUP DELCONSUMER none g c | XGROUP DESTROY s h | XGROUP DESTROY s h
    XGROUP DESTROY none h | XGROUP DESTROY s | XINFO GROUPS s | SET str x | XGROUP CREATE str g 0 | XGROUP CREATE str g x MKSTREAM
    XGROUP DESTROY str g | XGROUP SETID str g 0 | XGROUP CREATECONSUMER str g c | XGROUP CREATE "s\u0000t" "g\u0000" 0
    XGROUP SETID s "g\u0000x" 0 | XGROUP CREATE s "g\u0000x" 0 | XGROUP SETID s "g\u0000y" 0 | XINFO GROUPS s`,
  XREAD: `
    XREAD | XREAD STREAMS | XREAD STREAMS s | XREAD STREAMS s 0 | XREAD STREAMS s t 0 | XREAD COUNT 1 | XREAD COUNT 1 s 0
    XADD s 1-1 f v | XADD s 2-1 f v | XADD t 1-1 g w | XREAD STREAMS s 0 | XREAD STREAMS s t 0 0 | XREAD STREAMS s t none 1-1 0 0
    XREAD STREAMS s s 0 1-1 | XREAD STREAMS s 2-1 | XREAD STREAMS s 2 | XREAD STREAMS s $ | XREAD STREAMS none $ | XREAD STREAMS s >
    XREAD STREAMS s - | XREAD STREAMS s + | XREAD STREAMS s x | XREAD STREAMS s (1 | XREAD COUNT 1 STREAMS s 0 | XREAD COUNT 0 STREAMS s 0
    XREAD COUNT -1 STREAMS s 0 | XREAD COUNT x STREAMS s 0 | XREAD COUNT 1 COUNT 2 STREAMS s 0 | XREAD count 1 streams s 0
    XREAD BLOCK x STREAMS s 0 | XREAD BLOCK -1 STREAMS s 0 | XREAD BLOCK 9000000000000000000 STREAMS s 0 | XREAD BLOCK 1.5 STREAMS s 0
    XREAD BLOCK 10 STREAMS s 0 | XREAD COUNT 1 BLOCK 10 STREAMS s t 0 0 | XREAD NOACK STREAMS s 0 | XREAD GROUP g c STREAMS s 0
    XREAD FOO STREAMS s 0 | XREAD STREAMS s ${MAX}-${MAX} | XADD s ${MAX}-${MAX} f v | XREAD STREAMS s ${MAX}-${MAX} | XREAD STREAMS s ${MAX}
    SET str x | XREAD STREAMS s str 0 0 | XREAD STREAMS s str x 0`,
  XREADGROUP: String.raw`
    XREADGROUP | XREADGROUP GROUP g c STREAMS s | XREADGROUP GROUP g c STREAMS s > | XREADGROUP GROUP g STREAMS s s > > | XADD s 1-1 f v
    XREADGROUP GROUP g c STREAMS s > | XGROUP CREATE s g 0 | XADD s 2-1 f v | XADD s 3-1 f v | XREADGROUP GROUP g c STREAMS s 0
    XREADGROUP GROUP g c COUNT 1 STREAMS s > | XREADGROUP GROUP g c STREAMS s 0 | XREADGROUP GROUP g d STREAMS s 0 | XREADGROUP GROUP g d STREAMS s >
    XREADGROUP GROUP g d STREAMS s > | XREADGROUP GROUP g d STREAMS s 2-1 | XREADGROUP GROUP g d COUNT 1 STREAMS s 0 | XINFO GROUPS s
    XREADGROUP NOACK GROUP g d STREAMS s > | XADD s 4-1 f v | XREADGROUP GROUP g e NOACK STREAMS s > | XINFO CONSUMERS s g
    XREADGROUP GROUP g c STREAMS s $ | XREADGROUP GROUP g c STREAMS s x | XREADGROUP GROUP g c STREAMS s - | XREADGROUP COUNT 1 STREAMS s s > >
    XREADGROUP GROUP g c COUNT 1 FOO STREAMS s > | XREADGROUP GROUP none c STREAMS s > | XREADGROUP GROUP g c STREAMS s none > >
    XREADGROUP BLOCK 10 GROUP g c STREAMS s 0 | XREADGROUP GROUP g c BLOCK x STREAMS s > | XDEL s 1-1 | XREADGROUP GROUP g c STREAMS s 0
    XADD s 5-1 f v | XADD s 6-1 f v | XREADGROUP GROUP g c COUNT 1 STREAMS s s > > | XREADGROUP GROUP g c STREAMS s s 0 >
    XGROUP SETID s g 0 | XREADGROUP GROUP g f STREAMS s > | XPENDING s g | XPENDING s g - + 10 | XREADGROUP GROUP g c STREAMS s ${MAX}-${MAX}
    SET str x | XREADGROUP GROUP g c STREAMS str > | XREADGROUP GROUP "g\u0000" c STREAMS s >`,
  'XACK and XPENDING': `
    XACK | XACK s g | XACK s g 1 | XACK s g x | XGROUP CREATE s g 0 MKSTREAM | XADD s 1-1 f v | XADD s 2-1 f v | XADD s 3-1 f v
    XPENDING s g | XPENDING | XPENDING s | XPENDING s none | XPENDING none g | XPENDING s g - | XPENDING s g - + | XPENDING s g - + 10
    XREADGROUP GROUP g c COUNT 2 STREAMS s > | XREADGROUP GROUP g d STREAMS s > | XPENDING s g | XPENDING s g - + 10 | XPENDING s g - + 10 c
    XPENDING s g - + 10 none | XPENDING s g - + 1 | XPENDING s g - + 0 | XPENDING s g - + -1 | XPENDING s g - + x | XPENDING s g x + 1
    XPENDING s g - x 1 | XPENDING s g (1-1 (3-1 10 | XPENDING s g (${MAX}-${MAX} + 1 | XPENDING s g - (0 1 | XPENDING s g IDLE 0 - + 10
    XPENDING s g IDLE ${AGES} - + 10 | XPENDING s g IDLE 0 - + 10 d | XPENDING s g IDLE 0 - + | XPENDING s g IDLE x - + 10
    XPENDING s g IDLE 0 - + 10 d x | XPENDING s g idle 0 - + 10 | XACK s g x 1-1 | XACK s g 1-1 1-1 9-9 | XACK s g 1-1 | XACK s none 2-1
    XACK none g 2-1 | XACK none g x | XPENDING s g | XGROUP DELCONSUMER s g d | XPENDING s g | XACK s g 2-1 | XPENDING s g | SET str x
    XPENDING str g | XACK str g 1 | XPENDING none g x + 1`,
  XCLAIM: `
    XCLAIM | XCLAIM s g c 0 | XCLAIM s g c 0 1-1 | XGROUP CREATE s g 0 MKSTREAM | XADD s 1-1 f v | XADD s 2-1 f v | XADD s 3-1 f v
    XCLAIM s g c 0 1-1 | XINFO GROUPS s | XREADGROUP GROUP g a COUNT 2 STREAMS s > | XCLAIM s g b 0 1-1 | XCLAIM s g b 0 1-1 2-1 3-1
    XPENDING s g - + 10 | XCLAIM s g b ${AGES} 1-1 | XCLAIM s g c 0 1-1 JUSTID | XPENDING s g - + 10 | XCLAIM s g c 0 3-1 FORCE
    XPENDING s g - + 10 | XCLAIM s g c 0 9-9 FORCE | XCLAIM s g c 0 1-1 RETRYCOUNT 5 | XCLAIM s g c 0 2-1 IDLE ${AGES} | XPENDING s g IDLE 1000000 - + 10
    XCLAIM s g c 0 2-1 TIME 1000 | XPENDING s g IDLE 1000000 - + 10 | XCLAIM s g c 0 1-1 RETRYCOUNT x | XCLAIM s g c 0 1-1 IDLE x
    XCLAIM s g c 0 1-1 TIME x | XCLAIM s g c 0 1-1 LASTID x | XCLAIM s g c x 1-1 | XCLAIM s g c 0 x | XCLAIM s g c 0 1-1 FOO
    XCLAIM s g c 0 1-1 IDLE | XCLAIM s g c 0 1-1 LASTID 99-0 | XINFO GROUPS s | XCLAIM s g c 0 1-1 RETRYCOUNT -1 | XCLAIM s g c 0 1-1 RETRYCOUNT ${LONG_MAX}
    XPENDING s g - + 10 | XCLAIM s g c -5 1-1 | XCLAIM s none c 0 1-1 | XCLAIM none g c 0 1-1 | XCLAIM s none c x 1-1 | XDEL s 1-1 2-1
    XCLAIM s g c 0 1-1 2-1 3-1 | XPENDING s g - + 10 | XCLAIM s g a 0 3-1 JUSTID FORCE IDLE 0 TIME 0 RETRYCOUNT 1 LASTID 1 | XPENDING s g - + 10
    XGROUP CREATE s h 0 | XCLAIM s h z 0 3-1 FORCE JUSTID | XPENDING s h - + 10 | SET str x | XCLAIM str g c 0 1-1`,
  XAUTOCLAIM: `
    XAUTOCLAIM | XAUTOCLAIM s g c 0 | XAUTOCLAIM s g c 0 0 | XGROUP CREATE s g 0 MKSTREAM | XADD s 1-1 f v | XADD s 2-1 f v | XADD s 3-1 f v
    XADD s 4-1 f v | XADD s 5-1 f v | XAUTOCLAIM s g c 0 0 | XREADGROUP GROUP g a STREAMS s > | XAUTOCLAIM s g b 0 0 COUNT 2 | XAUTOCLAIM s g b 0 3-1 COUNT 2
    XAUTOCLAIM s g b 0 5-1 COUNT 2 | XAUTOCLAIM s g b 0 - | XAUTOCLAIM s g b 0 + | XAUTOCLAIM s g b 0 (3-1 COUNT 1 | XAUTOCLAIM s g b 0 (${MAX}-${MAX}
    XPENDING s g - + 10 | XAUTOCLAIM s g c ${AGES} 0 | XAUTOCLAIM s g c 0 0 JUSTID | XPENDING s g - + 10 | XAUTOCLAIM s g c x 0 | XAUTOCLAIM s g c 0 x
    XAUTOCLAIM s g c 0 0 COUNT 0 | XAUTOCLAIM s g c 0 0 COUNT -1 | XAUTOCLAIM s g c 0 0 COUNT x | XAUTOCLAIM s g c 0 0 COUNT | XAUTOCLAIM s g c 0 0 FOO
    XAUTOCLAIM s g c 0 0 COUNT ${LONG_MAX} | XDEL s 2-1 4-1 | XAUTOCLAIM s g d 0 0 COUNT 2 | XPENDING s g - + 10 | XAUTOCLAIM s g d 0 0 COUNT 3
    XPENDING s g - + 10 | XAUTOCLAIM s none c 0 0 | XAUTOCLAIM none g c 0 0 | XINFO CONSUMERS s g | SET str x | XAUTOCLAIM str g c 0 0`,
  XINFO: `
    XINFO | XINFO STREAM | XINFO STREAM none | XINFO GROUPS none | XINFO CONSUMERS none g | XINFO CONSUMERS none | XINFO FOO none
    XADD s 1-1 a 1 b 2 | XADD s 2-1 a 1 b 2 | XADD s 3-1 x y | XINFO STREAM s | XINFO GROUPS s | XINFO CONSUMERS s g | XGROUP CREATE s g 0
    XGROUP CREATE s f 2-1 | XREADGROUP GROUP g c COUNT 2 STREAMS s > | XREADGROUP GROUP g b COUNT 2 STREAMS s > | XGROUP CREATECONSUMER s f z
    XINFO STREAM s FULL | XINFO STREAM s FULL COUNT 1 | XINFO STREAM s FULL COUNT 0 | XINFO STREAM s FULL COUNT -1 | XINFO STREAM s FULL COUNT x
    XINFO STREAM s FULL COUNT | XINFO STREAM s FOO | XINFO STREAM s FULL FOO 1 | XINFO STREAM s FULL 1 | XINFO GROUPS s | XINFO CONSUMERS s g
    XDEL s 2-1 | XINFO GROUPS s | XADD s 4-1 a 1 | XINFO GROUPS s | XREADGROUP GROUP f z STREAMS s > | XINFO GROUPS s | SET str x
    XINFO STREAM str | XINFO GROUPS str | XINFO CONSUMERS str g | XDEL s 1-1 3-1 4-1 | XINFO STREAM s | XINFO STREAM s FULL | XINFO GROUPS s`,
}

/** A reply without what depends on the clock, on Redis's radix tree, or was added by Redis 7.2. */
function comparable(reply: string, command: Command): string {
  switch (String(command[0]).toUpperCase()) {
    case 'XPENDING':
      return reply.replace(/:\d+\r\n(:-?\d+\r\n)/g, ':idle\r\n$1')
    case 'XINFO':
      return reply
        .replace(/\$8\r\ninactive\r\n:-?\d+\r\n/g, '')
        .replace(/\$11\r\nactive-time\r\n:-?\d+\r\n/g, '')
        .replace(/(\$4\r\nidle\r\n):\d+/g, '$1:idle')
        .replace(/(radix-tree-nodes\r\n):\d+/g, '$1:nodes')
        .replace(/:\d{12,13}\r\n/g, ':time\r\n')
        .replace(/[*%]\d+(\r\n\$4\r\nname)/g, 'map$1')
    default:
      return reply
  }
}

const stream = fc.constantFrom('a', 'a', 'a', 'b')
const group = fc.constantFrom('g', 'g', 'h')
const consumer = fc.constantFrom('x', 'y', 'z')
const small = fc.integer({ min: 0, max: 40 })
const id = fc.oneof(
  fc.tuple(small, fc.integer({ min: 0, max: 2 })).map(([ms, sequence]) => `${ms}-${sequence}`),
  small.map(String),
)
const bound = fc.oneof(
  { weight: 3, arbitrary: id },
  { weight: 2, arbitrary: id.map((text) => `(${text}`) },
  { weight: 2, arbitrary: fc.constantFrom('-', '+') },
)
const count = fc.oneof(fc.integer({ min: -1, max: 6 }).map(String), fc.constant(LONG_MAX))
const counted = fc.oneof(
  fc.constant([]),
  count.map((n) => ['COUNT', n]),
)
const minIdle = fc.constantFrom('0', '0', '0', AGES)
const field = fc.constantFrom('f', 'f', 'g', '12345', '')
const value = fc.oneof(
  fc.constantFrom('v', '', '1', '-4096', '127', '70000', '1234567890123'),
  fc.integer({ min: 0, max: 1500 }).map((n) => 'y'.repeat(n)),
)
const fields = fc
  .array(fc.tuple(field, value), { minLength: 1, maxLength: 3 })
  .map((pairs): string[] => pairs.flat())
const trimming = fc
  .tuple(
    fc.oneof(
      fc.tuple(
        fc.constant('MAXLEN'),
        fc.constantFrom('', '=', '~'),
        fc.integer({ min: 0, max: 12 }).map(String),
      ),
      fc.tuple(fc.constant('MINID'), fc.constantFrom('', '=', '~'), id),
    ),
    fc.oneof(
      fc.constant([]),
      fc.integer({ min: 0, max: 8 }).map((n): string[] => ['LIMIT', String(n)]),
    ),
  )
  .map(([words, limit]): string[] => [...words.filter((word) => word !== ''), ...limit])
const ids = fc.array(id, { minLength: 1, maxLength: 4 })
const claimOption = fc.oneof(
  fc.constantFrom(['FORCE'], ['JUSTID']),
  fc.constantFrom('0', AGES).map((ms) => ['IDLE', ms]),
  fc.integer({ min: -1, max: 9 }).map((n) => ['RETRYCOUNT', String(n)]),
  id.map((text) => ['LASTID', text]),
)

/** A command; `i` is its place in the sequence. */
type MakeCommand = (i: number) => Command

/** IDs of added entries grow with the sequence, so that most of them are valid. */
const addedId: fc.Arbitrary<(i: number) => string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .integer({ min: 0, max: 2 })
      .map((n) => (i: number) => `${Math.floor(i / 3)}-${(i % 3) + n}`),
  },
  { weight: 2, arbitrary: fc.constant((i: number) => `${Math.floor(i / 3)}-*`) },
  { weight: 1, arbitrary: id.map((text) => () => text) },
)

const addition: fc.Arbitrary<MakeCommand> = fc
  .tuple(
    stream,
    fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: trimming }),
    addedId,
    fields,
  )
  .map(([key, options, at, data]) => (i) => ['XADD', key, ...options, at(i), ...data])

const other: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.tuple(stream, bound, bound, counted).map(([k, a, b, n]) => ['XRANGE', k, a, b, ...n]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(stream, bound, bound, counted).map(([k, a, b, n]) => ['XREVRANGE', k, a, b, ...n]),
  },
  { weight: 2, arbitrary: fc.tuple(stream, ids).map(([k, n]) => ['XDEL', k, ...n]) },
  { weight: 1, arbitrary: fc.tuple(stream, trimming).map(([k, words]) => ['XTRIM', k, ...words]) },
  {
    weight: 1,
    arbitrary: fc.tuple(counted, id, id).map(([n, a, b]) => ['XREAD', ...n, 'STREAMS', 'a', 'b', a, b]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(stream, group, fc.oneof(id, fc.constant('$')), fc.constantFrom([], ['MKSTREAM']))
      .map(([k, g, at, more]) => ['XGROUP', 'CREATE', k, g, at, ...more]),
  },
  { weight: 1, arbitrary: fc.tuple(stream, group, id).map(([k, g, at]) => ['XGROUP', 'SETID', k, g, at]) },
  {
    weight: 1,
    arbitrary: fc.tuple(stream, group, consumer).map((words) => ['XGROUP', 'CREATECONSUMER', ...words]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(stream, group, consumer).map((words) => ['XGROUP', 'DELCONSUMER', ...words]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant('b'), group).map((words) => ['XGROUP', 'DESTROY', ...words]),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        group,
        consumer,
        counted,
        fc.constantFrom([], [], ['NOACK']),
        stream,
        fc.oneof(fc.constant('>'), id),
      )
      .map(([g, c, n, noAck, k, at]) => ['XREADGROUP', 'GROUP', g, c, ...n, ...noAck, 'STREAMS', k, at]),
  },
  { weight: 2, arbitrary: fc.tuple(stream, group, ids).map(([k, g, n]) => ['XACK', k, g, ...n]) },
  { weight: 1, arbitrary: fc.tuple(stream, group).map((words) => ['XPENDING', ...words]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        stream,
        group,
        fc.constantFrom([], ['IDLE', '0'], ['IDLE', '1000000']),
        bound,
        bound,
        count,
        fc.option(consumer),
      )
      .map(([k, g, idle, a, b, n, c]) => ['XPENDING', k, g, ...idle, a, b, n, ...(c === null ? [] : [c])]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(stream, group, consumer, minIdle, ids, fc.array(claimOption, { maxLength: 3 }))
      .map(([k, g, c, idle, n, options]) => ['XCLAIM', k, g, c, idle, ...n, ...options.flat()]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        stream,
        group,
        consumer,
        minIdle,
        id,
        fc.constantFrom([], ['COUNT', '1'], ['COUNT', '3']),
        fc.constantFrom([], ['JUSTID']),
      )
      .map(([k, g, c, idle, at, n, just]) => ['XAUTOCLAIM', k, g, c, idle, at, ...n, ...just]),
  },
  { weight: 1, arbitrary: stream.map((k) => ['XINFO', 'STREAM', k]) },
  { weight: 2, arbitrary: stream.map((k) => ['XINFO', 'STREAM', k, 'FULL', 'COUNT', '0']) },
  { weight: 1, arbitrary: stream.map((k) => ['XINFO', 'GROUPS', k]) },
  { weight: 1, arbitrary: fc.tuple(stream, group).map((words) => ['XINFO', 'CONSUMERS', ...words]) },
  { weight: 1, arbitrary: fc.tuple(stream, id).map((words) => ['XSETID', ...words]) },
)

const sequence = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: addition },
      {
        weight: 32,
        arbitrary: other.map(
          (command): MakeCommand =>
            () =>
              command,
        ),
      },
    ),
    { minLength: 1, maxLength: 100 },
  )
  .map((makes) => makes.map((make, i) => make(i)))

function parsedId(text: string): bigint {
  const [ms, n = '0'] = text.split('-')
  return (BigInt(ms) << 64n) | BigInt(n)
}

/**
 * Without each XSETID that is accepted below the IDs of removed entries. Redis keeps removed entries in their nodes, and takes
 * the larger IDs there for the order: MINID no longer removes all that it should, and nodes may overlap
 * (`stream-ids-set-back.test.ts`).
 */
async function withoutSetBack(commands: readonly Command[]): Promise<Command[]> {
  const harness = new Harness()
  const last = new Map<unknown, bigint>()
  const kept: Command[] = []
  for (const command of commands) {
    const [name, key, to] = command
    if (name === 'XSETID' && parsedId(String(to)) < (last.get(key) ?? 0n)) {
      const [top] = (await harness.call('XREVRANGE', key, '+', '-', 'COUNT', 1)) as [id: string][]
      const info = (await harness.call('XINFO', 'STREAM', key)) as RedisReply[]
      const hasNodes = info[info.indexOf('radix-tree-keys') + 1] !== 0
      if (hasNodes && (top === undefined || parsedId(top[0]) <= parsedId(String(to)))) continue
    }
    kept.push(command)
    const reply = await harness.raw(...command)
    if (name === 'XADD' && reply.startsWith('$')) last.set(key, parsedId(reply.split('\r\n')[1]))
    else if (name === 'XSETID' && reply === '+OK\r\n') last.set(key, parsedId(String(to)))
  }
  return kept
}

/** A stream that counts at the limits of 64 bits, and what reads and changes these counts. */
const extremeSequence = fc
  .record({ entriesAdded: extreme, entriesRead: extreme, deliveries: extreme })
  .map((counters): Command[] => [
    ['RESTORE', 'a', 0, withFooter(numberedStream({ ...counters, deliveredAt: 1n, seenAt: 1n }))],
    ...commandsOf(`
      XINFO STREAM a | XINFO STREAM a FULL | XINFO GROUPS a | XPENDING a g - + 10 | XCLAIM a g d 0 5-1 | XPENDING a g - + 10
      XADD a 6-1 f v | XINFO STREAM a | XINFO GROUPS a | XREADGROUP GROUP g c COUNT 1 STREAMS a > | XINFO GROUPS a
      XREADGROUP GROUP g c STREAMS a > | XINFO GROUPS a | XDEL a 5-2 | XINFO GROUPS a | XTRIM a MAXLEN 0 | XINFO GROUPS a
      XADD a 7-1 f v | XREADGROUP GROUP g c STREAMS a > | XINFO STREAM a FULL`),
  ])

describeComparison('stream commands', (expectSame) => {
  testEdges(EDGES, expectSame, comparable)

  test('counts at the limits of 64 bits', async () => {
    const property = fc.asyncProperty(extremeSequence, (commands) => expectSame(commands, { comparable }))
    await fc.assert(property, { numRuns: 30 })
  })

  test.each([2, 3] as const)('random sequences in RESP%i', async (protocol) => {
    const property = fc.asyncProperty(sequence, async (commands) =>
      expectSame(await withoutSetBack(commands), { protocol, comparable }),
    )
    await fc.assert(property, { numRuns: 100 })
  })
})
