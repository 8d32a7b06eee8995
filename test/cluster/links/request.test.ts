import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, encodeRequest, NoReplyError, parseReplies } from '../../../src/cluster/links/request.ts'
import { ScriptedPeer, TestLink, until } from './scripted-peer.ts'

let peer: ScriptedPeer
let own: TestLink

beforeEach(async () => {
  peer = await ScriptedPeer.start()
  own = new TestLink(peer.port)
  await until(() => own.link.isReady)
})

afterEach(async () => {
  own.link.close()
  await peer.close()
})

function request(...args: (string | Buffer)[]): Promise<unknown> {
  const reply = ask(own.link, 3, args)
  own.link.flush()
  return reply
}

test('encodes a request as an array of bulk strings', () => {
  expect(String(encodeRequest(['SET', Buffer.from([0x6b, 0x0a]), 'é', '']))).toBe(
    '*4\r\n$3\r\nSET\r\n$2\r\nk\n\r\n$2\r\né\r\n$0\r\n\r\n',
  )
  expect(String(encodeRequest([]))).toBe('*0\r\n')
})

test('parses replies, errors as values', () => {
  const [text, nothing, number, list, error] = parseReplies(
    Buffer.from('+OK\r\n$-1\r\n:-7\r\n*3\r\n$2\r\n\r\n\r\n*-1\r\n-ERR inner\r\n-WRONGTYPE outer\r\n'),
  )
  expect([String(text), nothing, number]).toEqual(['OK', null, -7])
  expect(list).toEqual([Buffer.from('\r\n'), null, expect.any(Error)])
  expect(error).toBeInstanceOf(Error)
  expect((error as Error).message).toBe('WRONGTYPE outer')
})

test('rejects types that redis-parser does not know, without effect on the next reply', () => {
  for (const bytes of ['_\r\n', '%0\r\n', '*1\r\n#t\r\n'])
    expect(() => parseReplies(Buffer.from(bytes))).toThrow()
  expect(parseReplies(Buffer.from(':1\r\n'))).toEqual([1])
})

test('ask resolves to the reply', async () => {
  peer.answer = ([, key]) => (key === 'bad' ? '-ERR bad\r\n' : `*2\r\n$${key.length}\r\n${key}\r\n:1\r\n`)
  expect(await request('GET', 'a')).toEqual([Buffer.from('a'), 1])
  expect(await request('GET', 'bad')).toMatchObject({ message: 'ERR bad' })
  expect(peer.requests[0]).toEqual(['PEER', 'CONTEXT', 'group3', '2', '0', 'epoch'])
})

test('ask resolves to a deferred reply', async () => {
  peer.answer = (_, socket) => {
    setImmediate(() => socket.write('^5\r\n:2\r\n'))
    return '@5\r\n'
  }
  expect(await request('GET', 'a')).toBe(2)
})

test('ask rejects if there is no reply', async () => {
  peer.answer = () => '?other:3\r\n'
  const moved = await request('GET', 'a').catch((error: unknown) => error)
  expect(moved).toBeInstanceOf(NoReplyError)
  expect(moved).toMatchObject({ message: 'not run: other:3 owns the key', sent: false, to: 'other:3' })
  peer.answer = (_, socket) => {
    socket.destroy()
    return undefined
  }
  const lost = await request('GET', 'a').catch((error: unknown) => error)
  expect(lost).toMatchObject({ message: 'the peer closed the connection', sent: true, to: '' })
  const refused = await request('GET', 'a').catch((error: unknown) => error)
  expect(refused).toMatchObject({ sent: false })
})

test('ask rejects if the reply cannot be parsed', async () => {
  peer.answer = () => '%1\r\n+a\r\n+b\r\n'
  await expect(request('HELLO', '3')).rejects.toThrow()
  peer.answer = () => ':1\r\n'
  expect(await request('GET', 'a')).toBe(1)
})
