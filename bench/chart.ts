// Draws the server benchmark as an SVG that is legible on light and on dark pages.

import type { ServerResults } from './figures.ts'

const COLOURS = ['#d9480f', '#868e96', '#4c6ef5']
const BAR = 15
const GAP = 22
const LEFT = 96
const WIDTH = 760
const SCALE_WIDTH = WIDTH - LEFT - 190
const TOP = 64

/** Bars of throughput, a group for each load, with the CPU time per operation beside each bar. */
export function serverChart({ cells, servers, conditions, command }: ServerResults): string {
  const loads = [...new Set(cells.map((cell) => `${cell.workload} P=${cell.depth}`))]
  const most = Math.max(...cells.map((cell) => cell.opsPerSecond))
  const parts: string[] = []
  servers.forEach(({ name, version }, i) => {
    parts.push(`<rect x="${LEFT + i * 170}" y="34" width="12" height="12" rx="2" fill="${COLOURS[i]}"/>`)
    parts.push(text(LEFT + i * 170 + 18, 44, `${name} ${version}`))
  })
  let y = TOP
  for (const load of loads) {
    const group = cells.filter((cell) => `${cell.workload} P=${cell.depth}` === load)
    parts.push(text(LEFT - 12, y + (group.length * BAR) / 2 + 4, load, 'end'))
    for (const cell of group) {
      const width = Math.max(2, (cell.opsPerSecond / most) * SCALE_WIDTH)
      const colour = COLOURS[servers.findIndex(({ name }) => name === cell.server)]
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
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>Operations per second and CPU time per operation</title>
<style>text{font:12px system-ui,sans-serif;fill:#495057}@media (prefers-color-scheme:dark){text{fill:#ced4da}}</style>
${text(LEFT, 20, 'Operations per second, and CPU time of the server per operation')}
${parts.join('\n')}
${text(LEFT, height - 10, `${command}, ${conditions.date}: ${conditions.cpu}; ${conditions.cores}`)}
</svg>
`
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(0)}" y="${y.toFixed(0)}" text-anchor="${anchor}">${escaped}</text>`
}

function thousands(n: number): string {
  return n >= 1e6 ? `${(n / 1e6).toFixed(2)}M` : `${Math.round(n / 1000)}k`
}
