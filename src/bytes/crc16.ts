// The slot of a key (Redis Cluster specification, "Key distribution model").

declare const slotBrand: unique symbol

/** A hash slot of the cluster, 0 to 16,383. */
export type Slot = number & { readonly [slotBrand]: true }

/** Number of slots in a cluster. */
export const SLOT_COUNT = 16_384

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** CRC16/XMODEM: polynomial 0x1021, initial value 0, neither input nor output reflected, no final xor. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

/** CRC16/XMODEM of `bytes[start, end)`; `123456789` gives 0x31c3. Allocates nothing. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ bytes[i]]
  return crc
}

/**
 * The slot of the key in `bytes[start, end)`. Allocates nothing.
 *
 * If the key has a hash tag, only the bytes of the tag are hashed: the bytes between the first `{` and the first `}` after
 * it, if there is at least one.
 */
export function keySlot(bytes: Uint8Array, start: number, end: number): Slot {
  for (let open = start; open < end; open++) {
    if (bytes[open] !== OPEN_BRACE) continue
    for (let close = open + 1; close < end; close++) {
      if (bytes[close] !== CLOSE_BRACE) continue
      if (close > open + 1) return (crc16(bytes, open + 1, close) & (SLOT_COUNT - 1)) as Slot
      break
    }
    break
  }
  return (crc16(bytes, start, end) & (SLOT_COUNT - 1)) as Slot
}
