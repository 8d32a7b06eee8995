// Draws the server benchmark as an SVG that is legible on light and on dark pages; and what other charts share.

import type { ServerResults } from './figures.ts'

/** This project's servers by Node.js, the floor, and the others. */
const OWN_COLOURS = ['#d9480f', '#f08c00', '#fab005', '#ffd43b']
const FLOOR_COLOUR = '#ced4da'
const COLOURS = ['#868e96', '#4c6ef5', '#0ca678', '#ae3ec9']
const LEGENDS_PER_LINE = 3
const LEGEND_HEIGHT = 18
const BAR = 15
const GAP = 22
const LEFT = 96
const WIDTH = 760
const SCALE_WIDTH = WIDTH - LEFT - 190
const TOP = 64 - LEGEND_HEIGHT

/** Bars of throughput, a group for each load, with the CPU time per operation beside each bar. */
export function serverChart({ cells, servers, conditions, command }: ServerResults): string {
  const loads = [...new Set(cells.map((cell) => `${cell.workload} P=${cell.depth}`))]
  const most = Math.max(...cells.map((cell) => cell.opsPerSecond))
  const parts: string[] = []
  const colours = coloursOf(servers)
  servers.forEach(({ name, version, node }, i) => {
    const x = LEFT + (i % LEGENDS_PER_LINE) * 210
    const line = 34 + Math.floor(i / LEGENDS_PER_LINE) * LEGEND_HEIGHT
    parts.push(`<rect x="${x}" y="${line}" width="12" height="12" rx="2" fill="${colours.get(name)}"/>`)
    parts.push(text(x + 18, line + 10, node === undefined ? `${name} ${version}` : name))
  })
  let y = TOP + Math.ceil(servers.length / LEGENDS_PER_LINE) * LEGEND_HEIGHT
  for (const load of loads) {
    const group = cells.filter((cell) => `${cell.workload} P=${cell.depth}` === load)
    parts.push(text(LEFT - 12, y + (group.length * BAR) / 2 + 4, load, 'end'))
    for (const cell of group) {
      const width = Math.max(2, (cell.opsPerSecond / most) * SCALE_WIDTH)
      const colour = colours.get(cell.server)
      const figures = `${thousands(cell.opsPerSecond)}/s, ${cell.cpuMicros.toFixed(2)} µs`
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}" rx="2" fill="${colour}"/>`,
      )
      parts.push(text(LEFT + width + 8, y + BAR - 5, figures))
      y += BAR
    }
    y += GAP
  }
  const height = y + 18
  return picture(WIDTH, height, 'Operations per second and CPU time per operation', [
    text(LEFT, 20, 'Operations per second, and CPU time of the server per operation'),
    ...parts,
    text(LEFT, height - 10, `${command}, ${conditions.date}: ${conditions.cpu}; ${conditions.cores}`),
  ])
}

/** An SVG of these elements. */
export function picture(width: number, height: number, title: string, elements: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
<style>text{font:12px system-ui,sans-serif;fill:#495057}@media (prefers-color-scheme:dark){text{fill:#ced4da}}</style>
${elements.join('\n')}
</svg>
`
}

function coloursOf(servers: ServerResults['servers']): ReadonlyMap<string, string> {
  const [own, others] = [[...OWN_COLOURS], [...COLOURS]]
  return new Map(
    servers.map(({ name }) => {
      if (name.startsWith('floor')) return [name, FLOOR_COLOUR]
      return [name, (name.startsWith('erinys') ? own.shift() : others.shift()) ?? FLOOR_COLOUR]
    }),
  )
}

export function text(x: number, y: number, content: string, anchor = 'start'): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(0)}" y="${y.toFixed(0)}" text-anchor="${anchor}">${escaped}</text>`
}

function thousands(n: number): string {
  return n >= 1e6 ? `${(n / 1e6).toFixed(2)}M` : `${Math.round(n / 1000)}k`
}
