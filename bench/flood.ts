// Connections that send pipelines without an end, and read every reply. A process: `tsx bench/flood.ts PORT CLIENTS REQUEST`,
// until its input ends. Prints how many bytes of replies it has read.

import { open } from './load.ts'

/** The bytes of requests in one write. */
const BLOCK_BYTES = 32_768

const [port, clients, request] = process.argv.slice(2)
const line = `${request}\r\n`
const block = Buffer.from(line.repeat(Math.ceil(BLOCK_BYTES / line.length)))
let received = 0
for (let i = 0; i < Number(clients); i++) {
  const socket = await open(Number(port))
  const send = (): void => {
    while (socket.write(block));
  }
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  socket.on('error', (error) => {
    console.error(`flood: ${error.message}`)
    process.exit(1)
  })
  socket.on('drain', send)
  send()
}
console.log('ready')
process.stdin.on('end', () => {
  console.log(JSON.stringify({ received }))
  process.exit()
})
process.stdin.resume()
