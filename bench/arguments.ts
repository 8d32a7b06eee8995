// The arguments of `npm run bench`.

export const PARTS = [
  'micro',
  'server',
  'memory',
  'types',
  'cluster',
  'scaling',
  'origins',
  'fairness',
  'http',
  'eviction',
] as const

export type Part = (typeof PARTS)[number]

export interface BenchArguments {
  /** The benchmarks to run; all of them if none is named. */
  readonly parts: readonly Part[]
  readonly smoke: boolean
  /** Paths of the Node.js programs to measure; none: the one that runs this. */
  readonly nodes: readonly string[]
  /** The folder of the key traces; undefined: those of this repository. */
  readonly traces?: string | undefined
}

const isPart = (word: string): word is Part => PARTS.some((part) => part === word)

/** @throws Error that says what is wrong */
export function parseArguments(words: readonly string[]): BenchArguments {
  const parts: Part[] = []
  const nodes: string[] = []
  let smoke = false
  let takesNodes = false
  let traces: string | undefined
  for (const [i, word] of words.entries()) {
    if (words[i - 1] === '--traces') traces = word
    else if (word === '--smoke') smoke = true
    else if (isPart(word)) parts.push(word)
    else if (takesNodes && !word.startsWith('-')) {
      nodes.push(word)
      continue
    } else if (word !== '--node' && word !== '--traces')
      throw new Error(
        `got ${word}, wants some of ${PARTS.join(', ')}, --node PATH…, --traces FOLDER and --smoke`,
      )
    takesNodes = word === '--node'
    const next = words[i + 1] ?? '-'
    if (takesNodes && (next.startsWith('-') || isPart(next))) throw new Error('--node wants paths of Node.js')
    if (word === '--traces' && next.startsWith('-')) throw new Error('--traces wants a folder')
  }
  if (nodes.length > 0 && (traces !== undefined || parts.some((part) => part !== 'server')))
    throw new Error('--node is for the benchmark server only')
  if (traces !== undefined && parts.some((part) => part !== 'eviction'))
    throw new Error('--traces is for the benchmark eviction only')
  if (traces !== undefined) return { parts: ['eviction'], smoke, nodes, traces }
  return { parts: parts.length > 0 ? parts : nodes.length > 0 ? ['server'] : PARTS, smoke, nodes }
}
