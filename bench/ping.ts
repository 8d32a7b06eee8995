// Sends PING in a loop until its input ends, then prints the longest latency. A process: `tsx bench/ping.ts PORT`.

import { setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { countReplies, open } from './load.ts'

try {
  // It shares a core with the load generator, and must not wait for it.
  setPriority(-20)
} catch {
  console.error('ping: no right to a higher priority, so its waits include those for the processor')
}

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
for (let i = 0; i < 1000; i++) await ping()
console.log('ready')
let longest = 0
while (isOn) {
  longest = Math.max(longest, await ping())
  await pause(1)
}
socket.destroy()
console.log(JSON.stringify({ longest }))
