// Many connections to several nodes that request one key at the same instant. Runs in its own process (`helper.ts`).

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { serveJobs } from './helper.ts'

export type CrowdJob =
  /** Opens the connections, spread evenly over the ports. */
  | { readonly ports: readonly number[]; readonly size: number }
  /** All of them send a request, whose reply has this many bytes. */
  | { readonly request: string; readonly replyBytes: number }

export interface Rush {
  /** Milliseconds until the last one has sent its request. */
  readonly sentMs: number
  /** Milliseconds from the first request to the reply of each connection, sorted. */
  readonly waits: readonly number[]
  /** CPU time of this process for requests and replies, ms. */
  readonly cpuMs: number
  /** The distinct replies. */
  readonly replies: readonly string[]
}

interface Member {
  readonly socket: Socket
  reply: string
}

const members: Member[] = []
let onData: (member: Member) => void = () => undefined

serveJobs(async (job: CrowdJob): Promise<Rush> => {
  if ('request' in job) return rush(Buffer.from(job.request), job.replyBytes)
  for (let i = 0; i < job.size; i++) members.push(await join(job.ports[i % job.ports.length]))
  return { sentMs: 0, waits: [], cpuMs: 0, replies: [] }
})

async function join(port: number): Promise<Member> {
  // One buffer for all connections, and no streams, so that the cost of this process stays small.
  const buffer = Buffer.allocUnsafe(16_384)
  const callback = (bytes: number): boolean => {
    member.reply += buffer.toString('latin1', 0, bytes)
    onData(member)
    return true
  }
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } })
  const member: Member = { socket, reply: '' }
  await once(socket, 'connect')
  return member
}

function rush(request: Buffer, replyBytes: number): Promise<Rush> {
  return new Promise((resolve) => {
    const waits: number[] = []
    for (const member of members) member.reply = ''
    let sentMs = 0
    const cpuBefore = process.cpuUsage()
    const began = performance.now()
    onData = ({ reply }) => {
      // An error is shorter than a value, or longer.
      if (reply.length < replyBytes && !(reply.startsWith('-') && reply.endsWith('\r\n'))) return
      waits.push(performance.now() - began)
      if (waits.length < members.length) return
      const replies = [...new Set(members.map((member) => member.reply))]
      const { user, system } = process.cpuUsage(cpuBefore)
      resolve({ sentMs, waits, cpuMs: (user + system) / 1000, replies })
    }
    for (const { socket } of members) socket.write(request)
    sentMs = performance.now() - began
  })
}
