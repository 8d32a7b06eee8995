// Sends PING in a loop until its input ends, then prints the longest latency and the 99th percentile, ms. A process: `tsx bench/ping.ts PORT`.

import { setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { countReplies, open, quantile } from './load.ts'

try {
  // It shares a core with the load generator, and must not wait for it.
  setPriority(-20)
} catch {
  console.error('ping: no right to a higher priority, so its waits include those for the processor')
}

/** Beside a flood each one takes milliseconds. */
const WARM_UP_MS = 1000

const socket = await open(Number(process.argv[2]))
const replies = countReplies(socket)
let isOn = true
process.stdin.on('end', () => {
  isOn = false
})
process.stdin.resume()

/** Milliseconds until the reply. */
async function ping(): Promise<number> {
  const sent = performance.now()
  socket.write('PING\r\n')
  await replies(1)
  return performance.now() - sent
}

// The first ones are slow in this process, not in the server.
const warmUpEnds = performance.now() + WARM_UP_MS
for (let i = 0; i < 1000 && performance.now() < warmUpEnds; i++) await ping()
console.log('ready')
const latencies: number[] = []
while (isOn) {
  latencies.push(await ping())
  await pause(1)
}
socket.destroy()
latencies.sort((a, b) => a - b)
console.log(JSON.stringify({ longest: quantile(latencies, 1), p99: quantile(latencies, 0.99) }))
