// Sends one GET after the other on each of several connections, until its input ends; prints the number of responses so far
// for each line of its input, and at the end. A process: `tsx bench/http/requests.ts PORT CLIENTS PATH`.

import { open } from '../load.ts'

const [port, clients, path] = process.argv.slice(2)
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: keep-alive\r\n\r\n`
const END = Buffer.from('\r\n\r\n')
let responses = 0

for (let i = 0; i < Number(clients); i++) {
  const socket = await open(Number(port))
  let text: Buffer = Buffer.alloc(0)
  const respond = (chunk: Buffer): void => {
    text = text.length === 0 ? chunk : Buffer.concat([text, chunk])
    const head = text.indexOf(END)
    if (head < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(text.toString('latin1', 0, head))?.[1]
    if (length === undefined || !text.toString('latin1', 0, 12).startsWith('HTTP/1.1 200'))
      throw new Error(`requests: got ${text.toString('latin1', 0, 200)}`)
    if (text.length < head + END.length + Number(length)) return
    text = Buffer.alloc(0)
    responses++
    socket.write(request)
  }
  socket.on('data', respond)
  socket.write(request)
}
console.log('ready')
process.stdin.on('data', () => console.log(JSON.stringify({ responses })))
process.stdin.on('end', () => {
  console.log(JSON.stringify({ responses }))
  process.exit()
})
