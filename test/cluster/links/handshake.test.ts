// The handshake: two nodes exchange requests only if both know the cluster's secret.

import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  answerHello,
  HandshakeClient,
  makeNonce,
  PEER_VERSION,
  proof,
  proofMatches,
} from '../../../src/cluster/links/handshake.ts'
import { get, PEER, Recorder, ScriptedPeer, SELF, TestLink, until } from './scripted-peer.ts'

let peer: ScriptedPeer

beforeEach(async () => {
  peer = await ScriptedPeer.start()
})

afterEach(() => peer.close())

/** Connects with these secrets and a pending request. Returns the events of the link's owner and of the receiver. */
async function connectWith(
  own: string,
  others: string,
): Promise<{ ownerEvents: string[]; events: string[]; bytes: number }> {
  peer.identity = { ...PEER, secret: others }
  const test = new TestLink(peer.port, { identity: { ...SELF, secret: own } })
  const recorder = new Recorder()
  test.get(recorder, 'a')
  test.link.flush()
  await until(() => test.link.isReady || test.link.isClosed)
  await until(() => test.link.inFlight === 0)
  const { bytesOut } = test.link
  test.link.close()
  return { ownerEvents: test.ownerEvents.slice(1), events: recorder.events, bytes: bytesOut }
}

test.each(['secret', '', 'gehe\u0000im\r\n'])('succeeds if both know the secret %j', async (secret) => {
  const { ownerEvents, events } = await connectWith(secret, secret)
  expect(ownerEvents).toEqual(['ready peer:2', 'closed the link was closed'])
  expect(events).toEqual(['1 $1\r\na\r\n'])
})

test.each([
  ['one', 'other'],
  ['', 'other'],
  ['one', ''],
])('fails between the secrets %j and %j', async (own, others) => {
  const { ownerEvents, events, bytes } = await connectWith(own, others)
  const reason = 'refused: WRONGPASS the secret differs'
  expect(ownerEvents).toEqual([`closed refused ${reason}`])
  expect([events, bytes]).toEqual([[`lost unsent ${get('a')} ${reason}`], 0])
  expect(peer.requests).toEqual([])
})

test('a server that accepts any proof must send a valid one itself', async () => {
  const nonce = makeNonce()
  const hellos = [
    // The caller's own proof, reflected; one of another connection; none.
    (shown: string) => ['peer:2', 'run', shown],
    () => ['peer:2', 'run', proof('other', 'answerer', { caller: nonce, answerer: nonce }, PEER)],
    () => ['peer:2', 'run', ''],
  ]
  for (const hello of hellos) {
    const handshake = new HandshakeClient(SELF)
    expect(String(handshake.start())).toBe('*2\r\n$4\r\nPEER\r\n$9\r\nCHALLENGE\r\n')
    const sent = String(handshake.receive(Buffer.from(nonce))).split('\r\n')
    expect(sent.filter((_, i) => i % 2 === 0).slice(1, 6)).toEqual([
      'PEER',
      'HELLO',
      PEER_VERSION,
      SELF.name,
      SELF.runId,
    ])
    const reply = hello(sent[12]).map((text) => Buffer.from(text))
    expect(() => handshake.receive(reply)).toThrow('the peer does not know the secret')
  }
})

test.each([
  ['a plain Redis', null, "ERR unknown command 'PEER'"],
  ['a short nonce', Buffer.from('abc'), 'the reply to PEER CHALLENGE is not a nonce'],
  ['a number', 1, 'the reply to PEER CHALLENGE is not a nonce'],
  ['a list', [], 'the reply to PEER CHALLENGE is not a nonce'],
])('%s in reply to PEER CHALLENGE fails the handshake', (_, reply, reason) => {
  expect(() => new HandshakeClient(SELF).receive(reply ?? new Error(reason))).toThrow(reason)
})

test.each([[[]], [[Buffer.from('a')]], [1], [Buffer.from('OK')], [[1, 2, 3]]])(
  '%j in reply to PEER HELLO fails the handshake',
  (reply) => {
    const handshake = new HandshakeClient(SELF)
    handshake.receive(Buffer.from(makeNonce()))
    expect(() => handshake.receive(reply as Buffer)).toThrow('the reply to PEER HELLO is not valid')
  },
)

test('a proof covers both nonces, the identity and the side', () => {
  const nonces = { caller: makeNonce(), answerer: makeNonce() }
  const shown = proof('s', 'caller', nonces, SELF)
  const answer = answerHello({ ...PEER, secret: 's' }, nonces, SELF, shown)
  expect(answer).toEqual([PEER.name, PEER.runId, proof('s', 'answerer', nonces, PEER)])
  const others = [
    proof('t', 'caller', nonces, SELF),
    proof('s', 'answerer', nonces, SELF),
    proof('s', 'caller', { ...nonces, caller: makeNonce() }, SELF),
    proof('s', 'caller', { ...nonces, answerer: makeNonce() }, SELF),
    proof('s', 'caller', nonces, { ...SELF, name: 'x:1' }),
    proof('s', 'caller', nonces, { ...SELF, runId: 'x' }),
    '',
    `${shown}0`,
  ]
  expect(others.map((other) => proofMatches(other, shown))).toEqual(others.map(() => false))
  expect(others.map((other) => answerHello({ ...PEER, secret: 's' }, nonces, SELF, other))).toEqual(
    others.map(() => null),
  )
})

test('a closed port counts as refused', async () => {
  const { port } = peer
  await peer.close()
  const test = new TestLink(port, { connect: () => connect(port, '127.0.0.1') })
  await until(() => test.link.isClosed)
  expect(test.ownerEvents).toEqual([`closed refused connect ECONNREFUSED 127.0.0.1:${port}`])
})
