// The checksum at the end of a dump: CRC-64 with the Jones polynomial, reflected, initial value 0 (Redis: crc64).

/** The reflected polynomial 0xad93d23594c935a9, as two words. */
const POLYNOMIAL_HIGH = 0x95ac9329 | 0
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0

/** Bytes that one step takes. */
const STRIDE = 8

/** At `256 * n + byte`: the checksum of the byte followed by n zero bytes. */
const LOW = new Int32Array(256 * STRIDE)
const HIGH = new Int32Array(256 * STRIDE)

for (let byte = 0; byte < 256; byte++) {
  let low = byte
  let high = 0
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (carry === 1) {
      low ^= POLYNOMIAL_LOW
      high ^= POLYNOMIAL_HIGH
    }
  }
  LOW[byte] = low
  HIGH[byte] = high
}
for (let i = 256; i < LOW.length; i++) {
  const low = LOW[i - 256]
  const high = HIGH[i - 256]
  LOW[i] = LOW[low & 0xff] ^ ((low >>> 8) | (high << 24))
  HIGH[i] = HIGH[low & 0xff] ^ (high >>> 8)
}

/** Writes the checksum of `bytes[start, end)` to `words`: the low 32 bits, then the high ones. `123456789`: 0xe9c6d914c4b8d9ca. */
export function crc64(bytes: Uint8Array, start: number, end: number, words: Int32Array): void {
  let low = 0
  let high = 0
  let i = start
  for (const last = end - STRIDE; i <= last; i += STRIDE) {
    const a = low ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24))
    const b = high ^ (bytes[i + 4] | (bytes[i + 5] << 8) | (bytes[i + 6] << 16) | (bytes[i + 7] << 24))
    const i0 = 0x700 + (a & 0xff)
    const i1 = 0x600 + ((a >>> 8) & 0xff)
    const i2 = 0x500 + ((a >>> 16) & 0xff)
    const i3 = 0x400 + (a >>> 24)
    const i4 = 0x300 + (b & 0xff)
    const i5 = 0x200 + ((b >>> 8) & 0xff)
    const i6 = 0x100 + ((b >>> 16) & 0xff)
    const i7 = b >>> 24
    low = LOW[i0] ^ LOW[i1] ^ LOW[i2] ^ LOW[i3] ^ LOW[i4] ^ LOW[i5] ^ LOW[i6] ^ LOW[i7]
    high = HIGH[i0] ^ HIGH[i1] ^ HIGH[i2] ^ HIGH[i3] ^ HIGH[i4] ^ HIGH[i5] ^ HIGH[i6] ^ HIGH[i7]
  }
  for (; i < end; i++) {
    const index = (low ^ bytes[i]) & 0xff
    low = LOW[index] ^ ((low >>> 8) | (high << 24))
    high = HIGH[index] ^ (high >>> 8)
  }
  words[0] = low
  words[1] = high
}
