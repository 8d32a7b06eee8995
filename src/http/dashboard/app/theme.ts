// The colour scheme: that of the system, unless the user has chosen light or dark.

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'erinys-theme'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']

const systemIsDark = matchMedia('(prefers-color-scheme: dark)')
let chosen = chosenTheme()

export function chosenTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY) as Theme
    return THEMES.includes(stored) ? stored : 'system'
  } catch {
    return 'system'
  }
}

/** Applies the stored choice, and follows the system from now on while it says so. */
export function startTheme(): void {
  systemIsDark.addEventListener('change', () => show(chosen))
  show(chosen)
}

export function applyTheme(theme: Theme): void {
  chosen = theme
  show(theme)
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // Storage is disabled: the choice lasts as long as the page.
  }
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]
}

/** The style sheet knows light and dark only. */
function show(theme: Theme): void {
  const system = systemIsDark.matches ? 'dark' : 'light'
  document.documentElement.dataset.theme = theme === 'system' ? system : theme
}
