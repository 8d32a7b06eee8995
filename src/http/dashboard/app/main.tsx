// The page: it asks the node once a second, and shows one of four views.

import './app.css'
import { type ComponentChildren, render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, api } from './api.ts'
import { millis, short } from './format.ts'
import { History } from './history.ts'
import { Confirm, Pill, type Question } from './parts/common.tsx'
import { DownNodes, NodeChoice } from './parts/nodes.tsx'
import { applyTheme, chosenTheme, nextTheme, startTheme } from './theme.ts'
import type { DashboardState, MemberState, Tone } from './types.ts'
import { ClusterView } from './views/cluster.tsx'
import { Keys, type OpenKey } from './views/keys.tsx'
import { LogView } from './views/log.tsx'
import { Overview } from './views/overview.tsx'

const INTERVAL_MS = 1000
/** An error stays until it is dismissed. */
const MESSAGE_MS = 6000

/** Statuses of HTTP: other credentials would help. */
const UNAUTHORIZED = 401
const LACKS_RIGHTS: readonly number[] = [UNAUTHORIZED, 403]

const VIEWS = [
  ['overview', 'Overview'],
  ['keys', 'Keys'],
  ['cluster', 'Cluster'],
  ['log', 'Log'],
] as const

type View = (typeof VIEWS)[number][0]

interface Asked {
  readonly history: History
  readonly problem: ApiError | undefined
  /** The nodes of the cluster; none: there is one node. */
  readonly nodes: readonly MemberState[]
  /** The node that serves the page; `undefined`: it has not answered yet. */
  readonly server: string | undefined
}

/**
 * Asks a node while the page is visible.
 * @param node another one than the one that serves the page, which asks it
 */
function useNode(isPaused: boolean, node: string | undefined): Asked {
  const history = useRef(new History())
  const nodes = useRef<readonly MemberState[]>([])
  const server = useRef<string | undefined>(undefined)
  const [, setTick] = useState(0)
  const [problem, setProblem] = useState<ApiError>()
  useEffect(() => {
    history.current = new History()
    setProblem(undefined)
  }, [node])
  useEffect(() => {
    if (isPaused) return
    let timer: ReturnType<typeof setTimeout>
    let isOver = false
    const round = async (): Promise<void> => {
      if (!document.hidden) {
        try {
          const state = await api.state(node)
          // Another node was chosen meanwhile.
          if (isOver) return
          history.current.add(state)
          if (state.cluster !== null) nodes.current = state.cluster.members
          if (node === undefined) server.current = state.node.name
          setProblem(undefined)
        } catch (error) {
          if (isOver) return
          const problem = error as ApiError
          setProblem(problem)
          // The browser asks for a password with each such answer.
          isOver = problem.status === UNAUTHORIZED
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
  }, [isPaused, node])
  return { history: history.current, problem, nodes: nodes.current, server: server.current }
}

function titleOf(wanted: View): string | undefined {
  return VIEWS.find(([view]) => view === wanted)?.[1]
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
  const [node, choose] = useState<string>()
  const { history, problem, nodes, server } = useNode(isPaused, node)
  const view = useView()
  const [group, select] = useState<string>()
  const [opened, open] = useState<OpenKey>()
  const [question, ask] = useState<Question>()
  const [message, setMessage] = useState<{ readonly text: string; readonly isError: boolean }>()
  const tell = (text: string, isError = false): void => setMessage({ text, isError })
  useEffect(() => {
    if (message === undefined || message.isError) return
    const timer = setTimeout(() => setMessage(undefined), MESSAGE_MS)
    return () => clearTimeout(timer)
  }, [message])
  const state = history.latest
  const title = titleOf(view)
  const nodeName = state?.node.name
  useEffect(() => {
    document.title = [title, nodeName, 'Erinys'].filter((part) => part !== undefined).join(' – ')
  }, [title, nodeName])
  const openKey = (of: string, id: string, text: string): void => {
    open({ group: of, id, text })
    location.hash = '#/keys'
  }
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </button>
      <Header state={state} view={view} problem={problem} isPaused={isPaused} pause={setPaused}>
        {nodes.length > 1 && (
          <NodeChoice
            nodes={nodes}
            chosen={node ?? server}
            server={server}
            choose={(name) => choose(name === server ? undefined : name)}
          />
        )}
      </Header>
      <main id="main" tabIndex={-1}>
        {problem !== undefined && (
          <p class="problem banner" role="alert">
            {problem.message} {state !== undefined && 'What you see is what it last told.'}{' '}
            {LACKS_RIGHTS.includes(problem.status) && <LoginLink user={state?.user} />}
          </p>
        )}
        {state !== undefined && state.cluster !== null && <DownNodes cluster={state.cluster} />}
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
        {message !== undefined && (
          <p class={message.isError ? 'bad' : ''}>
            <span>{short(message.text)}</span>
            {message.isError && (
              <button type="button" class="dismiss" onClick={() => setMessage(undefined)}>
                Dismiss
              </button>
            )}
          </p>
        )}
      </output>
      <Confirm question={question} close={() => ask(undefined)} />
    </>
  )
}

interface LoginLinkProps {
  /** The present user, which is not wanted. */
  readonly user: string | null | undefined
}

/** Where the browser asks for a name and a password. */
function LoginLink({ user }: LoginLinkProps) {
  const isLoggedIn = typeof user === 'string'
  const query = isLoggedIn ? `?${new URLSearchParams({ not: user })}` : ''
  return <a href={`/dashboard/login${query}`}>{isLoggedIn ? 'Log in as another user' : 'Log in'}</a>
}

/** A node is drained on its own page only. */
function lacksRights({ may: { browse, invalidate, flush } }: DashboardState): boolean {
  return !(browse && invalidate && flush)
}

interface HeaderProps {
  readonly state: DashboardState | undefined
  readonly view: View
  readonly problem: ApiError | undefined
  readonly isPaused: boolean
  readonly pause: (isPaused: boolean) => void
  /** Where one chooses the node; without it, there is one. */
  readonly children: ComponentChildren
}

const PHASES: Readonly<Record<string, Tone>> = { ready: 'good', starting: 'warn', draining: 'warn' }

function Header({ state, view, problem, isPaused, pause, children }: HeaderProps) {
  const [theme, setTheme] = useState(chosenTheme())
  return (
    <header class="top">
      <div class="brand">
        <img src="/dashboard/files/icon.svg" alt="" width="26" height="26" />
        <h1>Erinys</h1>
        {children}
        {state !== undefined && (
          <>
            {!children && <span class="node mono">{state.node.name}</span>}
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
        {state !== undefined && lacksRights(state) && <LoginLink user={state.user} />}
        <button type="button" class="button small" onClick={() => pause(!isPaused)}>
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
          {theme === 'system' ? 'System' : theme === 'light' ? 'Light' : 'Dark'}
        </button>
      </div>
    </header>
  )
}

startTheme()
const place = document.getElementById('app')
if (place !== null) render(<App />, place)
