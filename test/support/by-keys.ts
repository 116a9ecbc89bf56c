import type { Page } from 'playwright-core'

/** What has the keyboard: its name, and whether everybody sees that. */
export const focused = (page: Page): Promise<{ name: string; isSeen: boolean }> =>
  page.evaluate(() => {
    const element = document.activeElement ?? document.body
    const labels = [...((element as HTMLInputElement).labels ?? [])].map((label) => label.textContent)
    const name = element.getAttribute('aria-label') ?? (labels[0] || element.textContent) ?? ''
    const ringed = [element, ...((element as HTMLInputElement).labels ?? [])].some((each) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(each)
      return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
    })
    const { top, bottom, left, right } = element.getBoundingClientRect()
    return { name: name.trim().replace(/\s+/g, ' '), isSeen: ringed && top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth }
  })

/** Goes on by the Tab key until something of this name has the keyboard. Each stop on the way must be seen. */
export async function tabTo(page: Page, name: string | RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  const stops: string[] = []
  for (let left = 80; left > 0; left--) {
    await page.keyboard.press(key)
    const stop = await focused(page)
    if (!stop.isSeen) throw new Error(`the focus is not to be seen on "${stop.name}", after ${stops.join(', ')}`)
    stops.push(stop.name)
    if (typeof name === 'string' ? stop.name === name : name.test(stop.name)) return
  }
  throw new Error(`no way by ${key} to ${name}: ${stops.join(', ')}`)
}
