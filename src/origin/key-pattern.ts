// Key patterns such as `user:{id:int}`: which keys an origin may have, and the parameters in them.

/**
 * The type of a capture; `text` is the default. The other types have one spelling per value, so that a row has one
 * key: an `int` has 64 bits and no leading zeros, a `uuid` is in lower case.
 */
export type CaptureType = 'text' | 'int' | 'int32' | 'uuid'

interface Capture {
  readonly name: string
  readonly type: CaptureType
}

/** The text before the capture, which ends the capture before. */
interface Part {
  readonly literal: string
  readonly capture: Capture
}

const CAPTURE = /\{([^{}]*)\}/g
const CAPTURE_TEXT = /^([A-Za-z_]\w*)(?::(\w+))?$/
const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

const ACCEPTS: Readonly<Record<CaptureType, (text: string) => boolean>> = {
  text: () => true,
  int: (text) => INTEGER.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text),
  int32: (text) => INTEGER.test(text) && Number(text) === (Number(text) | 0),
  uuid: (text) => UUID.test(text),
}

export class KeyPattern {
  /** As it was written. */
  readonly source: string
  /** The names of the captures, in order. */
  readonly names: readonly string[]
  readonly types: readonly CaptureType[]
  readonly #parts: readonly Part[]
  readonly #tail: string

  /**
   * A capture extends to the first occurrence of the text behind it and has at least one character.
   * @throws Error that says what is wrong with the pattern
   */
  constructor(pattern: string) {
    const parts: Part[] = []
    let end = 0
    for (const found of pattern.matchAll(CAPTURE)) {
      const capture = readCapture(found[1])
      const literal = pattern.slice(end, found.index)
      if (parts.length > 0 && literal === '')
        throw new Error(`there is no text between {${parts.at(-1)?.capture.name}} and {${capture.name}}`)
      if (parts.some(({ capture: { name } }) => name === capture.name))
        throw new Error(`two captures are named ${capture.name}`)
      parts.push({ literal, capture })
      end = found.index + found[0].length
    }
    if (parts.length === 0) throw new Error('the pattern has no capture: write user:{id}')
    this.source = pattern
    this.#parts = parts
    this.#tail = pattern.slice(end)
    this.names = parts.map(({ capture }) => capture.name)
    this.types = parts.map(({ capture }) => capture.type)
  }

  /** The values of the captures, in order; undefined if the key does not match. */
  match(key: string): readonly string[] | undefined {
    const texts: string[] = []
    const parts = this.#parts
    if (!key.startsWith(parts[0].literal)) return undefined
    let at = parts[0].literal.length
    for (const [i, { capture }] of parts.entries()) {
      const next = i + 1 < parts.length ? parts[i + 1].literal : this.#tail
      const end = i + 1 < parts.length ? key.indexOf(next, at + 1) : key.length - next.length
      if (end <= at || !key.startsWith(next, end)) return undefined
      const text = key.slice(at, end)
      if (!ACCEPTS[capture.type](text)) return undefined
      texts.push(text)
      at = end + next.length
    }
    return texts
  }
}

function readCapture(text: string): Capture {
  const [, name, type = 'text'] = CAPTURE_TEXT.exec(text) ?? []
  if (name === undefined) throw new Error(`{${text}} is not a capture: write {id} or {id:int}`)
  if (!Object.hasOwn(ACCEPTS, type))
    throw new Error(`{${text}}: known types are ${Object.keys(ACCEPTS).join(', ')}`)
  return { name, type: type as CaptureType }
}
