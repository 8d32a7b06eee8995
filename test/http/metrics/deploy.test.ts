// The Grafana dashboard and the alert rules name metrics that exist.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { metricFamilies } from '../../../src/http/metrics/metrics.ts'
import { project } from '../../docs/markdown.ts'

const metrics = new Map(
  metricFamilies.flatMap(({ labels: own, metrics }) =>
    metrics.map(({ name, type, labels }) => [name, { type, labels: [...own, ...labels] }]),
  ),
)
/** Labels that Prometheus adds, or that come with histograms. */
const COMMON = ['job', 'instance', 'le']

/** Each use of a metric in PromQL: its name and the selector behind it. */
function usesIn(text: string): [name: string, selector: string][] {
  return [...text.matchAll(/\b((?:erinys|process|nodejs)_\w+)\b(?:\{([^}]*)\})?/g)].map(
    ([, name, selector]) => [name, selector ?? ''],
  )
}

function check(text: string): void {
  for (const [name, selector] of usesIn(text)) {
    const family = metrics.get(name.replace(/_(bucket|sum|count)$/, '')) ?? metrics.get(name)
    expect(family, `${name} in ${text}`).toBeDefined()
    if (name.endsWith('_bucket')) expect(family?.type, name).toBe('histogram')
    for (const [, label] of selector.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g))
      expect([...COMMON, ...(family?.labels ?? [])], `${label} of ${name}`).toContain(label)
  }
}

/** The labels that the samples of an expression have. */
function labelsOf(expression: string): readonly string[] {
  const by = [...expression.matchAll(/\bby \(([^)]*)\)/g)].map(([, names]) => names.split(/,\s*/))
  if (by.length > 0) return by[0]
  if (/\b(?:sum|max|min|avg|count)\(/.test(expression)) return []
  const [[name]] = usesIn(expression)
  return ['job', 'instance', ...(metrics.get(name)?.labels ?? [])]
}

/** Names in a text for people, whose values come with the samples: `{{ $labels.group }}`, `{{group}}`. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].map(([, name]) => name)
}

interface Panel {
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[]
  readonly gridPos: { readonly x: number; readonly w: number }
}

interface Variable {
  readonly query: string | { readonly query: string }
}

describe('the dashboard of Grafana', () => {
  const dashboard = JSON.parse(readFileSync(join(project, 'deploy/grafana/dashboard.json'), 'utf8')) as {
    readonly panels: readonly Panel[]
    readonly templating: { readonly list: readonly Variable[] }
  }

  test.each(dashboard.panels.filter(({ type }) => type !== 'row').map((panel) => [panel.title, panel]))(
    '%s',
    (_, { targets, gridPos }) => {
      expect(targets?.length).toBeGreaterThan(0)
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (const { expr, legendFormat = '' } of targets ?? []) {
        for (const name of namesIn(legendFormat)) expect(labelsOf(expr), expr).toContain(name)
        expect(usesIn(expr).length, expr).toBeGreaterThan(0)
        check(expr)
      }
    },
  )

  test('its variables', () => {
    for (const { query } of dashboard.templating.list) if (typeof query === 'object') check(query.query)
  })
})

test('the expressions of the documentation', () => {
  const page = readFileSync(join(project, 'docs/metrics.md'), 'utf8')
  const [, expression] = /```promql\n(.*?)```/s.exec(page) ?? []
  expect(usesIn(expression).length).toBeGreaterThan(0)
  check(expression)
})

test('the alert rules', () => {
  const text = readFileSync(join(project, 'deploy/grafana/alerts.rules.yml'), 'utf8')
  const rules = text.split(/^ {6}- alert: /m).slice(1)
  expect(rules.length).toBeGreaterThan(10)
  for (const rule of rules) {
    expect(rule).toMatch(/^ {8}expr: /m)
    expect(rule).toMatch(/^ {8}labels: \{ severity: (info|warning|critical) \}$/m)
    expect(rule).toMatch(/^ {10}summary: /m)
    const [, expression] = /expr: ([\s\S]*?)\n {8}(?:for|labels):/.exec(rule) ?? []
    expect(usesIn(expression).length, rule).toBeGreaterThan(0)
    check(expression)
    const labels = labelsOf(expression)
    for (const name of namesIn(rule)) expect(labels, rule).toContain(name)
  }
})
