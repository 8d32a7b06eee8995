// LOLWUT's picture: the snakes in the hair of an Erinys.

const WIDTH = 56
const HEIGHT = 12
const SNAKES = 4
const SHADES = ' .:-=+*#%@'

/** @param seed any number; each gives a different picture */
export function artwork(seed: number): string {
  const random = generator(seed)
  const field = new Float64Array(WIDTH * HEIGHT)
  for (let snake = 0; snake < SNAKES; snake++) {
    const phase = random() * Math.PI * 2
    const wave = 0.12 + random() * 0.22
    const reach = 1 + random() * 2.5
    const height = random() * HEIGHT
    for (let x = 0; x < WIDTH; x++) {
      const y = Math.round(height + Math.sin(x * wave + phase) * reach * (x / WIDTH + 0.4))
      for (let dy = -1; dy <= 1; dy++) {
        if (y + dy >= 0 && y + dy < HEIGHT) field[(y + dy) * WIDTH + x] += dy === 0 ? 4 : 1.5
      }
    }
  }
  const rows = Array.from({ length: HEIGHT }, (_, y) => {
    const row = field.subarray(y * WIDTH, (y + 1) * WIDTH)
    return Array.from(row, (depth) => SHADES[Math.min(SHADES.length - 1, Math.round(depth))])
      .join('')
      .trimEnd()
  })
  return rows.join('\n')
}

/** Pseudo-random numbers in [0, 1) (mulberry32). */
function generator(seed: number): () => number {
  let state = (seed % 2 ** 32) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
