// The memory of an arena: numbered segments, each in one piece, seen as words, as bytes and through a DataView.

const NO_WORDS = new Int32Array(0)
const NO_BYTES = Buffer.alloc(0)
const NO_VIEW = new DataView(new ArrayBuffer(0))

/** Segment numbers are reused. Number 0 is never used, so that reference 0 means null. */
export class Segments {
  /** The memory of each segment in three forms; empty while the number is not in use. */
  readonly words: Int32Array[] = []
  readonly bytes: Buffer[] = []
  readonly views: DataView[] = []
  readonly segmentUnits: number
  /** A reference is `segment << shift | unit`. */
  readonly shift: number
  readonly unitMask: number
  /** Units in live blocks, by segment. */
  protected readonly live: number[] = []
  /** Units of the large block that has the segment for itself; 0: a shared segment. */
  protected readonly largeUnits: number[] = []
  readonly #unused: number[] = []
  readonly #maxSegments: number

  /** @param segmentUnits a power of two */
  constructor(segmentUnits: number) {
    this.segmentUnits = segmentUnits
    this.shift = 31 - Math.clz32(segmentUnits)
    this.unitMask = segmentUnits - 1
    this.#maxSegments = 2 ** (32 - this.shift)
  }

  get segmentCount(): number {
    return this.words.length - 1 - this.#unused.length
  }

  /** Segment numbers that are free after one more was taken. */
  protected get numbersLeft(): number {
    return this.#maxSegments - this.words.length + this.#unused.length - 1
  }

  /** Whether the segment is shared by blocks, and not unused. */
  protected isShared(segment: number): boolean {
    return this.largeUnits[segment] === 0 && this.words[segment] !== NO_WORDS
  }

  /** A free segment number; -1: none is left. */
  protected takeNumber(): number {
    const reused = this.#unused.pop()
    if (reused !== undefined) return reused
    return this.words.length < this.#maxSegments ? this.words.length : -1
  }

  protected install(segment: number, buffer: ArrayBufferLike, largeUnits: number): void {
    this.words[segment] = new Int32Array(buffer)
    this.bytes[segment] = Buffer.from(buffer)
    this.views[segment] = new DataView(buffer)
    this.live[segment] = 0
    this.largeUnits[segment] = largeUnits
  }

  protected uninstall(segment: number): void {
    this.words[segment] = NO_WORDS
    this.bytes[segment] = NO_BYTES
    this.views[segment] = NO_VIEW
    this.largeUnits[segment] = 0
    this.live[segment] = 0
    this.#unused.push(segment)
  }

  protected clearSegments(): void {
    this.words.length = 1
    this.bytes.length = 1
    this.views.length = 1
    this.words[0] = NO_WORDS
    this.bytes[0] = NO_BYTES
    this.views[0] = NO_VIEW
    this.live.length = 1
    this.largeUnits.length = 1
    this.live[0] = 0
    this.largeUnits[0] = 0
    this.#unused.length = 0
  }
}
