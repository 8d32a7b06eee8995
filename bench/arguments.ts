// The arguments of `npm run bench`.

export const PARTS = ['micro', 'server', 'memory', 'types', 'cluster', 'origins', 'fairness', 'http'] as const

export type Part = (typeof PARTS)[number]

export interface BenchArguments {
  /** The benchmarks to run; all of them if none is named. */
  readonly parts: readonly Part[]
  readonly smoke: boolean
  /** Paths of the Node.js programs to measure; none: the one that runs this. */
  readonly nodes: readonly string[]
}

const isPart = (word: string): word is Part => PARTS.some((part) => part === word)

/** @throws Error that says what is wrong */
export function parseArguments(words: readonly string[]): BenchArguments {
  const parts: Part[] = []
  const nodes: string[] = []
  let smoke = false
  let takesNodes = false
  for (const [i, word] of words.entries()) {
    if (word === '--smoke') smoke = true
    else if (isPart(word)) parts.push(word)
    else if (takesNodes && !word.startsWith('-')) {
      nodes.push(word)
      continue
    } else if (word !== '--node')
      throw new Error(`got ${word}, wants some of ${PARTS.join(', ')}, --node PATH… and --smoke`)
    takesNodes = word === '--node'
    if (takesNodes && (words[i + 1] ?? '-').startsWith('-')) throw new Error('--node wants paths of Node.js')
  }
  if (nodes.length > 0 && parts.some((part) => part !== 'server'))
    throw new Error('--node is for the benchmark server only')
  return { parts: parts.length > 0 ? parts : nodes.length > 0 ? ['server'] : PARTS, smoke, nodes }
}
