// The buffers that the system reads a connection's bytes into: used again once their bytes are decoded.

/** Sizes of a half. The first has room for a pipeline of 16 small commands; a read that fills one doubles both. */
const MIN_HALF = 2048
const MAX_HALF = 16_384

/** The size of the two buffers of a large transfer. */
const SLAB = 65_536
/** Slabs that are kept for later transfers, of all connections. */
const MAX_SPARE_SLABS = 16
/** The least room for another read into a slab, and into a half whose bytes are not decoded yet. */
const MIN_SLAB_ROOM = 16_384
const MIN_ROOM = 512

/** A read into a slab that is at most so long, and does not fill it, ends a transfer. */
const MAX_LAST = 8192

/**
 * Two halves of one buffer: while the bytes in one of them are decoded, the next read may come into the other. What fills
 * even the largest half is part of a large transfer, and goes on in slabs: also two in turn, as long as what arrives is
 * decoded. A new slab for each read would have V8 collect the whole heap every thousand reads.
 */
export class ReadBuffers {
  #halves = halves(MIN_HALF)
  /** Which half the last read went into; -1: a slab. */
  #half = 0
  /** The slab of the last read. */
  #slab: Buffer | undefined
  /** The slab before it. Its bytes are decoded when everything before the last read is. */
  #formerSlab: Buffer | undefined

  /** The buffer for the first read. */
  get first(): Buffer {
    return this.#halves[0]
  }

  /**
   * The buffer for the next read.
   *
   * @param last the buffer of the read before
   * @param length the number of bytes that it read
   * @param isDecoded whether everything that was received before that read is decoded: no other buffer is in use
   */
  next(last: Buffer, length: number, isDecoded: boolean): Buffer {
    const room = last.length - length
    if (this.#half < 0) {
      const isTransfer = room === 0 || length > MAX_LAST
      if (isTransfer) return room < MIN_SLAB_ROOM ? this.#nextSlab(isDecoded) : last.subarray(length)
      if (isDecoded) this.#giveBack()
      else this.#halves = halves(MAX_HALF)
      this.#formerSlab = this.#slab
      this.#slab = undefined
      this.#half = 0
      return this.#halves[0]
    }
    if (isDecoded) this.#giveBack()
    const size = this.#halves[0].length
    if (room === 0 && size === MAX_HALF) {
      this.#half = -1
      return this.#nextSlab(isDecoded)
    }
    if (room !== 0 && isDecoded) {
      this.#half = 1 - this.#half
      return this.#halves[this.#half]
    }
    if (room >= MIN_ROOM) return last.subarray(length)
    this.#halves = halves(room === 0 ? 2 * size : size)
    this.#half = 0
    return this.#halves[0]
  }

  #nextSlab(isDecoded: boolean): Buffer {
    const free = isDecoded ? this.#formerSlab : undefined
    this.#formerSlab = this.#slab
    this.#slab = free ?? spareSlabs.pop() ?? Buffer.allocUnsafeSlow(SLAB)
    return this.#slab
  }

  /** Keeps the decoded slab for other transfers. */
  #giveBack(): void {
    if (this.#formerSlab === undefined) return
    if (spareSlabs.length < MAX_SPARE_SLABS) spareSlabs.push(this.#formerSlab)
    this.#formerSlab = undefined
  }
}

const spareSlabs: Buffer[] = []

function halves(size: number): readonly [Buffer, Buffer] {
  const whole = Buffer.allocUnsafeSlow(2 * size)
  return [whole.subarray(0, size), whole.subarray(size)]
}
