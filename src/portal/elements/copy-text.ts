function selectText(element: HTMLElement): void {
  const range = document.createRange()
  range.selectNodeContents(element)
  const selection = getSelection()
  selection?.removeAllRanges()
  selection?.addRange(range)
}

/**
 * Copies an element's text; false: it did not happen, and the text is selected for the person to do it. Pages on plain http have no clipboard API, and
 * browsers may refuse it. The selection moves no focus, which a dialog would take back.
 */
export async function copyText(element: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(element.textContent ?? '')
    return true
  } catch {
    selectText(element)
    const copied = document.execCommand('copy')
    if (copied) getSelection()?.removeAllRanges()
    return copied
  }
}
