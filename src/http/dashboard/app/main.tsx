// The page: it asks the node once a second, and shows one of four views.

import './app.css'
import { render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, api } from './api.ts'
import { millis } from './format.ts'
import { History } from './history.ts'
import { Confirm, Pill, type Question, type Tone } from './parts/common.tsx'
import { applyTheme, chosenTheme, nextTheme, startTheme } from './theme.ts'
import type { DashboardState } from './types.ts'
import { ClusterView } from './views/cluster.tsx'
import { Keys, type OpenKey } from './views/keys.tsx'
import { LogView } from './views/log.tsx'
import { Overview } from './views/overview.tsx'

const INTERVAL_MS = 1000
const MESSAGE_MS = 6000

const VIEWS = [
  ['overview', 'Overview'],
  ['keys', 'Keys'],
  ['cluster', 'Cluster'],
  ['log', 'Log'],
] as const

type View = (typeof VIEWS)[number][0]

/** Asks the node while the page is visible. */
function useNode(isPaused: boolean): { history: History; problem: string | undefined } {
  const history = useRef(new History())
  const [, setTick] = useState(0)
  const [problem, setProblem] = useState<string>()
  useEffect(() => {
    if (isPaused) return
    let timer: ReturnType<typeof setTimeout>
    let isOver = false
    const round = async (): Promise<void> => {
      if (!document.hidden) {
        try {
          history.current.add(await api.state())
          setProblem(undefined)
        } catch (error) {
          setProblem((error as ApiError).message)
        }
        setTick((before) => before + 1)
      }
      if (!isOver) timer = setTimeout(round, INTERVAL_MS)
    }
    void round()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [isPaused])
  return { history: history.current, problem }
}

function viewOf(hash: string): View {
  const name = hash.replace(/^#\/?/, '')
  return VIEWS.find(([view]) => view === name)?.[0] ?? 'overview'
}

function useView(): View {
  const [view, setView] = useState(viewOf(location.hash))
  useEffect(() => {
    const changed = (): void => setView(viewOf(location.hash))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return view
}

function App() {
  const [isPaused, setPaused] = useState(false)
  const { history, problem } = useNode(isPaused)
  const view = useView()
  const [group, select] = useState<string>()
  const [opened, open] = useState<OpenKey>()
  const [question, ask] = useState<Question>()
  const [message, setMessage] = useState<{ readonly text: string; readonly isError: boolean }>()
  const tell = (text: string, isError = false): void => setMessage({ text, isError })
  useEffect(() => {
    if (message === undefined) return
    const timer = setTimeout(() => setMessage(undefined), MESSAGE_MS)
    return () => clearTimeout(timer)
  }, [message])
  const state = history.latest
  const openKey = (of: string, id: string, text: string): void => {
    open({ group: of, id, text })
    location.hash = '#/keys'
  }
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </button>
      <Header state={state} view={view} problem={problem} isPaused={isPaused} pause={setPaused} />
      <main id="main" tabIndex={-1}>
        {problem !== undefined && (
          <p class="problem banner" role="alert">
            {problem} {state !== undefined && 'What you see is what it last told.'}
          </p>
        )}
        {state === undefined ? (
          problem === undefined && <p class="empty">Asking the node…</p>
        ) : view === 'overview' ? (
          <Overview state={state} history={history} group={group} select={select} openKey={openKey} />
        ) : view === 'keys' ? (
          <Keys state={state} opened={opened} open={open} ask={ask} tell={tell} />
        ) : view === 'cluster' ? (
          <ClusterView state={state} history={history} ask={ask} tell={tell} />
        ) : (
          <LogView state={state} />
        )}
      </main>
      <output class="toast" aria-live="polite">
        {message !== undefined && <p class={message.isError ? 'bad' : ''}>{message.text}</p>}
      </output>
      <Confirm question={question} close={() => ask(undefined)} />
    </>
  )
}

interface HeaderProps {
  readonly state: DashboardState | undefined
  readonly view: View
  readonly problem: string | undefined
  readonly isPaused: boolean
  readonly pause: (isPaused: boolean) => void
}

const PHASES: Readonly<Record<string, Tone>> = { ready: 'good', starting: 'warn', draining: 'warn' }

function Header({ state, view, problem, isPaused, pause }: HeaderProps) {
  const [theme, setTheme] = useState(chosenTheme())
  return (
    <header class="top">
      <div class="brand">
        <img src="/dashboard/files/icon.svg" alt="" width="26" height="26" />
        <h1>Erinys</h1>
        {state !== undefined && (
          <>
            <span class="node mono">{state.node.name}</span>
            {problem === undefined ? (
              <Pill tone={PHASES[state.node.phase] ?? 'idle'}>{state.node.phase}</Pill>
            ) : (
              <Pill tone="bad">no answer</Pill>
            )}
            <span class="muted up">up {millis(state.at - state.node.startedAt)}</span>
          </>
        )}
      </div>
      <nav aria-label="Views">
        {VIEWS.map(([name, title]) => (
          <a key={name} href={`#/${name}`} aria-current={name === view ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="controls">
        <button type="button" class="button small" aria-pressed={isPaused} onClick={() => pause(!isPaused)}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <button
          type="button"
          class="button small"
          aria-label={`Theme: ${theme}`}
          onClick={() => {
            const next = nextTheme(theme)
            applyTheme(next)
            setTheme(next)
          }}
        >
          {theme === 'system' ? 'Auto' : theme === 'light' ? 'Light' : 'Dark'}
        </button>
      </div>
    </header>
  )
}

startTheme()
const place = document.getElementById('app')
if (place !== null) render(<App />, place)
