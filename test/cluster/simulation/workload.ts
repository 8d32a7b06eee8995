// Clients of simulated nodes that send pipelined commands, and know what a single node would answer to each.

import { encodeRequest, parseReplies, type Reply } from '../../../src/cluster/links/request.ts'
import { ReplyFramer } from '../../../src/resp/framer.ts'
import { GROUPS } from './members.ts'
import type { Network, SimSocket } from './network.ts'

/** Commands without a reply, at most. */
const WINDOW = 12
const OWN_KEYS = 6
const COUNTERS = 3

type Answer = string | number | null | readonly (string | null)[]

/** What all clients write together. */
export class Shared {
  /** By counter: the replies to INCR. */
  readonly counts: number[][] = Array.from({ length: COUNTERS }, () => [])
  /** The one writer's register: the last value written, and acknowledged. */
  written = 0
  acknowledged = 0
  /** The newest value that a read returned. */
  seen = 0
  readonly wrong: string[] = []
}

interface Sent {
  readonly command: readonly string[]
  readonly step: number
  /** Says what is wrong with the reply. */
  readonly check: (answer: Answer) => string | undefined
}

export class SimClient {
  readonly name: string
  readonly at: string
  isOpen = true
  readonly #network: Network
  readonly #shared: Shared
  readonly #socket: SimSocket
  readonly #waiting: Sent[] = []
  readonly #held = new Map<string, string>()
  readonly #flushed = new Map<string, string>()
  #bytes = Buffer.alloc(0)
  #count = 0
  /** Whether the commands go to the group that only this client uses, and that it also flushes. */
  readonly #flushes: boolean
  readonly #writes: boolean

  /** @param index 0 writes the register, 1 has a group of its own */
  constructor(index: number, at: string, network: Network, shared: Shared) {
    this.name = `c${index}`
    this.at = at
    this.#network = network
    this.#shared = shared
    this.#writes = index === 0
    this.#flushes = index === 1
    this.#socket = network.connect(this.name, at)
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#socket.on('end', () => {
      this.isOpen = false
    })
    if (this.#flushes) this.#send(['SELECT', GROUPS[1]], is('OK'))
  }

  get outstanding(): number {
    return this.#waiting.length
  }

  /** Sends another command, or several in one chunk. */
  work(): void {
    if (!this.isOpen || this.#waiting.length >= WINDOW) return
    const chunk: Buffer[] = []
    for (let i = 1 + this.#network.draw(4); i > 0; i--) chunk.push(this.#next())
    this.#socket.write(Buffer.concat(chunk))
  }

  /** Reads everything once more. */
  finish(): void {
    for (const key of this.#keys()) this.#send(['GET', key], is(this.#model.get(key) ?? null))
    if (this.#flushes) this.#send(['DBSIZE'], is(this.#model.size))
    else
      this.#shared.counts.forEach((counts, i) =>
        this.#send(['GET', `counter ${i}`], is(counts.length === 0 ? null : String(counts.length))),
      )
  }

  get #model(): Map<string, string> {
    return this.#flushes ? this.#flushed : this.#held
  }

  #keys(): string[] {
    return Array.from({ length: OWN_KEYS }, (_, i) => `${this.name} key ${i}`)
  }

  #next(): Buffer {
    const draw = (below: number): number => this.#network.draw(below)
    const dice = draw(100)
    if (this.#flushes) {
      if (dice < 4) {
        this.#model.clear()
        return this.#request(['FLUSHDB'], is('OK'))
      }
      return this.#own(draw)
    }
    if (dice < 12) return this.#increment(draw(COUNTERS))
    if (dice < 18) return this.#writes ? this.#write() : this.#read()
    return this.#own(draw)
  }

  #increment(counter: number): Buffer {
    return this.#request(['INCR', `counter ${counter}`], (answer) => {
      const counts = this.#shared.counts[counter]
      if (typeof answer !== 'number') return 'wants a number'
      if (counts.includes(answer)) return 'twice'
      counts.push(answer)
      return undefined
    })
  }

  #write(): Buffer {
    const value = ++this.#shared.written
    return this.#request(['SET', 'register', String(value)], (answer) => {
      this.#shared.acknowledged = value
      return is('OK')(answer)
    })
  }

  #read(): Buffer {
    const least = Math.max(this.#shared.acknowledged, this.#shared.seen)
    return this.#request(['GET', 'register'], (answer) => {
      const value = Number(answer ?? 0)
      this.#shared.seen = Math.max(this.#shared.seen, value)
      return value < least ? `wants ${least} at least` : undefined
    })
  }

  /** A command on keys that only this client uses. */
  #own(draw: (below: number) => number): Buffer {
    const model = this.#model
    const keys = this.#keys()
    const key = keys[draw(keys.length)]
    const some = [...new Set(Array.from({ length: 1 + draw(4) }, () => keys[draw(keys.length)]))]
    const value = `${++this.#count}.`
    switch (draw(9)) {
      case 0: {
        model.set(key, value)
        return this.#request(['SET', key, value], is('OK'))
      }
      case 1: {
        model.set(key, (model.get(key) ?? '') + value)
        return this.#request(['APPEND', key, value], is(model.get(key)?.length ?? 0))
      }
      case 2:
        return this.#request(['MGET', ...some], is(some.map((each) => model.get(each) ?? null)))
      case 3: {
        for (const each of some) model.set(each, value)
        return this.#request(['MSET', ...some.flatMap((each) => [each, value])], is('OK'))
      }
      case 4:
        return this.#request(['DEL', ...some], is(some.filter((each) => model.delete(each)).length))
      case 5:
        return this.#request(['EXISTS', ...some], is(some.filter((each) => model.has(each)).length))
      case 6: {
        const before = model.get(key) ?? null
        model.set(key, value)
        return this.#request(['GETSET', key, value], is(before))
      }
      default:
        return this.#request(['GET', key], is(model.get(key) ?? null))
    }
  }

  #send(command: readonly string[], check: Sent['check']): void {
    this.#socket.write(this.#request(command, check))
  }

  #request(command: readonly string[], check: Sent['check']): Buffer {
    this.#waiting.push({ command, check, step: this.#network.step })
    return encodeRequest(command)
  }

  #receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const framer = new ReplyFramer()
    let at = 0
    while (at < this.#bytes.length) {
      framer.scan(this.#bytes, at, this.#bytes.length, 1)
      if (framer.count === 0) break
      this.#take(parseReplies(this.#bytes.subarray(at, framer.whole))[0])
      at = framer.whole
    }
    this.#bytes = this.#bytes.subarray(at)
  }

  #take(reply: Reply): void {
    const sent = this.#waiting.shift()
    if (sent === undefined) throw new Error('a reply to nothing')
    const answer = reply instanceof Error ? reply.message : plain(reply)
    const problem = sent.check(answer)
    if (problem === undefined) return
    const got = JSON.stringify(answer)
    this.#shared.wrong.push(
      `step ${sent.step} to ${this.#network.step}: ${this.name} at ${this.at}: ${sent.command.join(' ')}: ${problem}, got ${got}`,
    )
  }
}

function is(wanted: Answer): (answer: Answer) => string | undefined {
  const text = JSON.stringify(wanted)
  return (answer) => (JSON.stringify(answer) === text ? undefined : `wants ${text}`)
}

function plain(reply: Reply): Answer {
  if (Buffer.isBuffer(reply)) return reply.toString()
  if (Array.isArray(reply)) return reply.map((each) => (each === null ? null : String(each)))
  return reply as number | null
}
