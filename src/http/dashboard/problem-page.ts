// Problems as pages: what a browser shows where the dashboard cannot be opened.

import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { PROBLEMS, type Problem } from '../responses/problem.ts'

export const LOGIN_PATH = '/dashboard/login'

/** Paths that people open in a browser. */
const PAGES: ReadonlySet<string> = new Set(['/', LOGIN_PATH])

export const PAGE_TYPE = 'text/html; charset=utf-8'

/** Within the page: a host that is refused gets no style sheet either. */
const STYLE = `:root { color-scheme: light dark }
body { background: Canvas; color: CanvasText; margin: 0 auto; max-width: 34rem; padding: 3rem 1.25rem; font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.35rem }
p { overflow-wrap: anywhere }
`

/** The page runs no scripts, and loads nothing. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Whether it is a path that people open in a browser. */
export function isPagePath(path: string): boolean {
  return PAGES.has(path)
}

/** Whether a problem is shown to a person. A client that accepts any type is a program. */
export function wantsPage({ url = '', headers }: IncomingMessage): boolean {
  const [path] = url.split('?', 1)
  return isPagePath(path) && /\btext\/html\b/i.test(headers.accept ?? '')
}

/** Where a browser asks for other credentials than those of a user. */
function loginPath(user?: string): string {
  return user === undefined ? LOGIN_PATH : `${LOGIN_PATH}?${new URLSearchParams({ not: user })}`
}

export function problemPage({ status, type, detail, user }: Problem): string {
  const title = PROBLEMS[type]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Erinys</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${escaped(detail)}</p>
${linkOf(status, user)}
</main>
</body>
</html>
`
}

function linkOf(status: number, user: string | undefined): string {
  if (status === 401) return `<p><a href="${LOGIN_PATH}">Log in</a></p>`
  if (user !== undefined) return `<p><a href="${escaped(loginPath(user))}">Log in as another user</a></p>`
  return '<p><a href="/">Try again</a></p>'
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
