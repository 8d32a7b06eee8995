// The lifetimes of fields, as Redis 7.4 and 8 document them. redis-server 7.0, which other tests compare with, lacks them.

import { expect, test } from 'vitest'
import { commandsOf } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'

const NOW = 1_700_000_000_000

async function replies(harness: Harness, text: string): Promise<string> {
  const all: string[] = []
  for (const command of commandsOf(text))
    all.push((await harness.raw(...command)).trim().replace(/\r\n/g, ' '))
  return all.join(' | ')
}

async function expectReplies(text: string, expected: string): Promise<Harness> {
  const harness = new Harness({ now: NOW })
  expect(await replies(harness, text)).toBe(expected)
  return harness
}

test('HEXPIRE and its kin set lifetimes, HTTL and its kin show them', async () => {
  const harness = await expectReplies(
    `HSET a f 1 g 2 h 3 | HEXPIRE a 10 FIELDS 3 f none g | HTTL a FIELDS 4 f g h none | HPTTL a FIELDS 1 f
     HEXPIRETIME a FIELDS 1 f | HPEXPIRETIME a FIELDS 2 f h | HPEXPIRE a 500 FIELDS 1 f | HPTTL a FIELDS 1 f | HTTL a FIELDS 1 f
     HEXPIREAT a 1700000020 FIELDS 1 g | HTTL a FIELDS 1 g | HPEXPIREAT a 1700000030000 FIELDS 1 g | HTTL a FIELDS 1 g
     HEXPIRE none 10 FIELDS 2 f g | HTTL none FIELDS 1 f | HPERSIST none FIELDS 1 f`,
    ':3 | *3 :1 :-2 :1 | *4 :10 :10 :-1 :-2 | *1 :10000 | ' +
      '*1 :1700000010 | *2 :1700000010000 :-1 | *1 :1 | *1 :500 | *1 :1 | ' +
      '*1 :1 | *1 :20 | *1 :1 | *1 :30 | ' +
      '*2 :-2 :-2 | *1 :-2 | *1 :-2',
  )
  harness.clock.advance(500)
  expect(await replies(harness, 'HGET a f | HLEN a')).toBe('$1 1 | :3')
  harness.clock.advance(1)
  expect(
    await replies(
      harness,
      'HGET a f | HLEN a | HEXISTS a f | HSTRLEN a f | HMGET a f g | HKEYS a | HTTL a FIELDS 1 f | HPERSIST a FIELDS 1 f',
    ),
  ).toBe('$-1 | :2 | :0 | :0 | *2 $-1 $1 2 | *2 $1 g $1 h | *1 :-2 | *1 :-2')
  expect(
    await replies(
      harness,
      'HDEL a f | HSETNX a f 5 | HTTL a FIELDS 1 f | HRANDFIELD a 9 | HSCAN a 0 MATCH f',
    ),
  ).toMatch(/^:0 \| :1 \| \*1 :-1 \| \*3 .* \| \*2 \$1 0 \*2 \$1 f \$1 5$/)
})

test('NX, XX, GT and LT', async () => {
  await expectReplies(
    `HSET a f 1 g 2 | HEXPIRE a 10 XX FIELDS 1 f | HEXPIRE a 10 GT FIELDS 1 f | HEXPIRE a 10 NX FIELDS 2 f g
     HEXPIRE a 20 NX FIELDS 1 f | HEXPIRE a 10 GT FIELDS 1 f | HEXPIRE a 20 gt FIELDS 1 f | HEXPIRE a 20 LT FIELDS 1 f
     HEXPIRE a 5 LT FIELDS 1 f | HPERSIST a FIELDS 2 f none | HPERSIST a FIELDS 1 f | HEXPIRE a 30 LT FIELDS 1 f | HTTL a FIELDS 2 f g`,
    ':2 | *1 :0 | *1 :0 | *2 :1 :1 | *1 :0 | *1 :0 | *1 :1 | *1 :0 | *1 :1 | *2 :1 :-2 | *1 :-1 | *1 :1 | *2 :30 :10',
  )
})

test('a time that is over removes the field, and the key with the last one', async () => {
  await expectReplies(
    `HSET a f 1 g 2 | HEXPIRE a 0 FIELDS 2 f none | HGETALL a | HPEXPIREAT a 1 FIELDS 2 g g | EXISTS a | TYPE a
     HSETEX b EX 0 FIELDS 1 f v | EXISTS b | HSET c f v | HGETEX c PXAT 1 FIELDS 2 f f | EXISTS c`,
    ':2 | *2 :2 :-2 | *2 $1 g $1 2 | *2 :2 :-2 | :0 | +none | :1 | :0 | :1 | *2 $1 v $-1 | :0',
  )
})

test('writes of the whole value end the lifetime, counters keep it', async () => {
  await expectReplies(
    `HSET a f 1 g 2 h 3 i 4 | HEXPIRE a 10 FIELDS 4 f g h i | HSET a f 1 | HINCRBY a g 5 | HINCRBYFLOAT a h 0.5 | HDEL a i
     HSET a i 1 | HTTL a FIELDS 4 f g h i | HMSET a g 1 | HTTL a FIELDS 1 g`,
    ':4 | *4 :1 :1 :1 :1 | :0 | :7 | $3 3.5 | :1 | :1 | *4 :-1 :10 :10 :-1 | +OK | *1 :-1',
  )
})

test('the errors of Redis', async () => {
  const harness = await expectReplies(
    `SET s v | HSET a f v
     HEXPIRE s 10 FIELDS 1 f | HTTL s FIELDS 1 f | HPERSIST s FIELDS 1 f | HGETEX s FIELDS 1 f | HSETEX s FIELDS 1 f v | HGETDEL s FIELDS 1 f
     HEXPIRE a x FIELDS 1 f | HEXPIRE a -1 FIELDS 1 f | HEXPIRE a 9223372036854775807 FIELDS 1 f | HPEXPIRE a 70368744177663 FIELDS 1 f
     HPEXPIREAT a 70368744177663 FIELDS 1 f | HEXPIRE a 10 FOO 1 f | HEXPIRE a 10 FIELDS 0 f | HEXPIRE a 10 FIELDS x f
     HEXPIRE a 10 FIELDS 2 f | HEXPIRE a 10 FIELDS 1 f g | HEXPIRE a 10 NX GT FIELDS 1 f | HEXPIRE a 10 FIELDS 1
     HTTL a FOO 1 f | HTTL a FIELDS 0 f | HTTL a FIELDS 2 f | HPERSIST a FIELDS -1 f | HGETDEL a FIELDS 2 f | HGETDEL a FOO 1 f`,
    '+OK | :1 | ' +
      `${'-WRONGTYPE Operation against a key holding the wrong kind of value | '.repeat(6)}` +
      '-ERR value is not an integer or out of range | -ERR invalid expire time, must be >= 0 | ' +
      "-ERR invalid expire time in 'hexpire' command | -ERR invalid expire time in 'hpexpire' command | *1 :1 | " +
      '-ERR Mandatory argument FIELDS is missing or not at the right position | ' +
      `${'-ERR Parameter `numFields` should be greater than 0 | '.repeat(2)}` +
      `${'-ERR The `numfields` parameter must match the number of arguments | '.repeat(2)}` +
      '-ERR Mandatory argument FIELDS is missing or not at the right position | ' +
      "-ERR wrong number of arguments for 'hexpire' command | " +
      '-ERR Mandatory argument FIELDS is missing or not at the right position | ' +
      '-ERR Number of fields must be a positive integer | -ERR The `numfields` parameter must match the number of arguments | ' +
      '-ERR Number of fields must be a positive integer | -ERR The `numfields` parameter must match the number of arguments | ' +
      '-ERR Mandatory argument FIELDS is missing or not at the right position',
  )
  expect(
    await replies(
      harness,
      `HSETEX a FNX FXX FIELDS 1 f v | HSETEX a EX 1 KEEPTTL FIELDS 1 f v | HSETEX a FOO FIELDS 1 f v | HSETEX a FIELDS 0 f v
       HSETEX a FIELDS 2 f v | HSETEX a FIELDS 1 f v g | HSETEX a EX 1 FNX f v | HSETEX a EX x FIELDS 1 f v | HGETEX a EX x FIELDS 1 f
       HGETEX a EX 1 PX 1 FIELDS 1 f | HGETEX a EX -1 FIELDS 1 f | HSETEX a FIELDS 2147483648 f v | HSETEX a FIELDS 2147483647 f v`,
    ),
  ).toBe(
    '-ERR Only one of FXX or FNX arguments can be specified | ' +
      '-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified | -ERR unknown argument: FOO | ' +
      '-ERR invalid number of fields | ' +
      `${"-ERR wrong number of arguments for 'hsetex' command | ".repeat(2)}` +
      '-ERR unknown argument: f | ' +
      '-ERR value is not an integer or out of range | -ERR value is not an integer or out of range | ' +
      '-ERR Mandatory argument FIELDS is missing or not at the right position | -ERR invalid expire time, must be >= 0 | ' +
      "-ERR invalid number of fields | -ERR wrong number of arguments for 'hsetex' command",
  )
})

test('HGETEX, HSETEX and HGETDEL', async () => {
  await expectReplies(
    `HSETEX a EX 10 FIELDS 2 f 1 g 2 | HTTL a FIELDS 2 f g | HGETEX a FIELDS 2 f none | HTTL a FIELDS 1 f | HGETEX a PX 5000 FIELDS 1 f
     HPTTL a FIELDS 1 f | HGETEX a PERSIST FIELDS 1 f | HTTL a FIELDS 1 f | HSETEX a KEEPTTL FIELDS 2 g 3 f 4 | HTTL a FIELDS 2 f g
     HSETEX a FIELDS 1 g 5 | HTTL a FIELDS 1 g | HSETEX a FXX FIELDS 2 f 9 new 9 | HGET a f | HSETEX a FNX FIELDS 2 f 9 new 9
     HSETEX a FXX EX 7 FIELDS 2 f 8 g 8 | HTTL a FIELDS 2 f g | HSETEX a FNX FIELDS 1 new 9 | HGETDEL a FIELDS 3 f none f | HGETALL a
     HGETDEL a FIELDS 2 g new | EXISTS a | HGETDEL a FIELDS 1 f | HGETEX none FIELDS 1 f | HSETEX none FXX FIELDS 1 f v | EXISTS none`,
    ':1 | *2 :10 :10 | *2 $1 1 $-1 | *1 :10 | *1 $1 1 | *1 :5000 | *1 $1 1 | *1 :-1 | :1 | *2 :-1 :10 | ' +
      ':1 | *1 :-1 | :0 | $1 4 | :0 | :1 | *2 :7 :7 | :1 | *3 $1 8 $-1 $-1 | *4 $1 g $1 8 $3 new $1 9 | ' +
      '*2 $1 8 $1 9 | :0 | *1 $-1 | *1 $-1 | :0 | :0',
  )
})

test('the encoding of a hash with lifetimes', async () => {
  await expectReplies(
    `HSET a f 1 | HEXPIRE a 10 FIELDS 1 f | OBJECT ENCODING a | HPERSIST a FIELDS 1 f | OBJECT ENCODING a
     HSET a g ${'x'.repeat(65)} | OBJECT ENCODING a`,
    ':1 | *1 :1 | $10 listpackex | *1 :1 | $10 listpackex | :1 | $9 hashtable',
  )
})
