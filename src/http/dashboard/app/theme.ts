// Light or dark: as the system has it, unless the user has chosen.

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'erinys-theme'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']

export function chosenTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY) as Theme
    return THEMES.includes(stored) ? stored : 'system'
  } catch {
    return 'system'
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // Storage is disabled: the choice lasts as long as the page.
  }
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]
}
