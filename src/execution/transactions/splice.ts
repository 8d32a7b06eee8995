// Splits the reply to EXEC into the replies to its commands, without parsing them.

const AGGREGATES = '*~>'
const PAIRS = '%|'
const BLOBS = '$=!'

/** The elements of a RESP2 or RESP3 array; `undefined`: it is nil or an error. */
export function elementsOf(reply: Buffer): Buffer[] | undefined {
  if (reply[0] !== 0x2a || reply[1] === 0x2d) return undefined
  const count = numberAt(reply, 0)
  const elements: Buffer[] = []
  let at = afterLine(reply, 0)
  for (let i = 0; i < count; i++) {
    const end = endOf(reply, at)
    elements.push(reply.subarray(at, end))
    at = end
  }
  return elements
}

/** The end of the value at `at`. */
function endOf(bytes: Buffer, at: number): number {
  const type = String.fromCharCode(bytes[at])
  const next = afterLine(bytes, at)
  if (BLOBS.includes(type)) {
    const length = numberAt(bytes, at)
    return length < 0 ? next : next + length + 2
  }
  const values = AGGREGATES.includes(type)
    ? numberAt(bytes, at)
    : PAIRS.includes(type)
      ? 2 * numberAt(bytes, at)
      : 0
  let end = next
  for (let i = 0; i < values; i++) end = endOf(bytes, end)
  return type === '|' ? endOf(bytes, end) : end
}

function numberAt(bytes: Buffer, at: number): number {
  return Number(bytes.toString('latin1', at + 1, bytes.indexOf('\r', at)))
}

function afterLine(bytes: Buffer, at: number): number {
  return bytes.indexOf('\n', at) + 1
}
