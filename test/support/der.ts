// Writes DER (ITU-T X.690): as much of it as certificates need.

const SEQUENCE = 0x30
const SET = 0x31

/** A value with its tag and length. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = Buffer.from(
    length.toString(16).padStart(length > 0xffff ? 6 : length > 0xff ? 4 : 2, '0'),
    'hex',
  )
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

export const sequence = (...parts: readonly Buffer[]): Buffer => der(SEQUENCE, ...parts)
export const set = (...parts: readonly Buffer[]): Buffer => der(SET, ...parts)
export const octets = (content: Buffer): Buffer => der(0x04, content)
export const bits = (content: Buffer): Buffer => der(0x03, Buffer.from([0]), content)
export const text = (value: string): Buffer => der(0x0c, Buffer.from(value))
export const yes: Buffer = der(0x01, Buffer.from([0xff]))

/** A number that is not negative. */
export function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes[0] >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

/** `2.5.29.17`. */
export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number)
  const bytes = rest.flatMap((arc) => {
    const digits = [arc & 0x7f]
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
    return digits
  })
  return der(0x06, Buffer.from([40 * first + second, ...bytes]))
}

/** `20261129171200Z`. */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return der(0x18, Buffer.from(digits))
}
