// One polite live region for the page, so that screen readers hear what changed, and not each row of it.

let last = 0
let timer: ReturnType<typeof setTimeout> | undefined

/** Says it at most every five seconds; of several in between only the last. */
export function announce(text: string): void {
  clearTimeout(timer)
  timer = setTimeout(
    () => {
      last = Date.now()
      const region = document.getElementById('announcements')
      if (region) region.textContent = text
    },
    Math.max(0, last + 5_000 - Date.now()),
  )
}
