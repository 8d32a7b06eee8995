// Scripts that a page runs on itself: what some people could not read.

/** Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3), 3 for large ones. */
export const POOR_CONTRASTS = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value, i) => (i === 3 ? value / 255 : value))
  }
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]))
  const behind = (element) => {
    if (element === null) return [255, 255, 255]
    const color = rgba(getComputedStyle(element).backgroundColor)
    return color[3] === 1 ? color.slice(0, 3) : over(color, behind(element.parentElement))
  }
  const luminance = (color) => {
    const [r, g, b] = color.map((value) => {
      const share = value / 255
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const poor = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim()
    const element = walker.currentNode.parentElement
    if (text === '' || !element.checkVisibility() || element.closest('.sr, .skip, noscript, svg, :disabled')) continue
    const style = getComputedStyle(element)
    const back = behind(element)
    const front = over(rgba(style.color), back)
    const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a)
    const ratio = (light + 0.05) / (dark + 0.05)
    const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.7 && style.fontWeight >= 700)
    if (ratio < (isLarge ? 3 : 4.5)) poor.push(text.slice(0, 40) + ': ' + ratio.toFixed(2))
  }
  return poor
})()`

/** Controls and pictures without a name, cells of heads without a scope, more or less than one first heading. */
export const NAMELESS = `(() => {
  const wrong = []
  for (const element of document.querySelectorAll('button, a, input, select, [role=img], [role=meter]')) {
    const name = element.getAttribute('aria-label') || element.textContent.trim() || element.labels?.[0]?.textContent
    if (!name) wrong.push(element.outerHTML.slice(0, 80))
  }
  for (const element of document.querySelectorAll('img:not([alt]), th:not([scope])')) wrong.push(element.outerHTML)
  if (document.querySelectorAll('h1').length !== 1) wrong.push('h1')
  if (document.documentElement.lang === '') wrong.push('lang')
  return wrong
})()`
