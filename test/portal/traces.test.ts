import { beforeEach, describe, expect, test } from 'vitest'
import { browserOfFile, type Visitor } from '../support/browser.ts'
import { companyOfFile } from '../support/file-server.ts'
import { closeAnyway, createKey, dialogOf, keyViews, rowOf } from '../support/portal.ts'
import { tracesOf } from '../support/traces.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()

beforeEach(() => {
  server.time.now = new Date()
})

/** The answers and messages that had the text. */
const answersWith = ({ received }: Visitor, text: string): string[] => received.filter((answer) => answer.includes(text))

/** The token by which the key can be saved: for fifteen minutes it is worth as much as the key. */
async function tokenBeside(visitor: Visitor, text: string): Promise<string> {
  await expect.poll(() => answersWith(visitor, text).length, { timeout: 20_000 }).toBe(1)
  return /"saveToken":"([^"]+)"/.exec(answersWith(visitor, text)[0] ?? '')?.[1] ?? expect.fail('no token')
}

for (const [view, pathOf, asks] of keyViews) {
  const instance = asks ? 'I1' : undefined
  describe(view, () => {
    test('of a key that was shown, and closed without keeping it, nothing is left in the browser', async () => {
      const visitor = await browser.visit(server, 'devA', { path: pathOf(company) })
      const { page } = visitor
      const { shown, text } = await createKey(page, `traced in ${view}`, instance)
      const token = await tokenBeside(visitor, text)
      // The search finds what is there.
      expect(await tracesOf(visitor, text)).toEqual([['the document', 'the heap']])
      await closeAnyway(shown)
      await rowOf(page, `traced in ${view}`).waitFor()
      expect(await tracesOf(visitor, text, token)).toEqual([[], []])
      // Nor does it come back.
      await page.getByRole('tab', { name: /^Orphaned/ }).click()
      await page.getByText('No orphaned keys').waitFor()
      await page.goBack()
      await rowOf(page, `traced in ${view}`).waitFor()
      expect(await page.content()).not.toContain(text)
      expect([answersWith(visitor, text).length, answersWith(visitor, token).length]).toEqual([1, 1])
    })

    test('of a key that was selected, copied and saved nothing is left but the token in the one request that saved it', async () => {
      const visitor = await browser.visit(server, 'devA', { path: pathOf(company) })
      const { page } = visitor
      const { shown, text } = await createKey(page, `kept in ${view}`, instance)
      const token = await tokenBeside(visitor, text)
      await shown.locator('.plaintext').click()
      await shown.getByRole('button', { name: 'Copy API Key' }).click()
      await shown.getByRole('button', { name: 'Copied', exact: true }).waitFor()
      await shown.getByRole('button', { name: 'Save As Secret' }).click()
      await dialogOf(page, 'New Secret').getByRole('button', { name: 'Create Secret' }).click()
      await shown.getByText(/^Saved as secret/).waitFor()
      await shown.getByRole('button', { name: 'Close', exact: true }).click()
      await rowOf(page, `kept in ${view}`).waitFor()
      expect(await tracesOf(visitor, text, token)).toEqual([[], ['what was sent']])
      expect(visitor.sent.filter((request) => request.includes(token))).toHaveLength(1)
      expect([answersWith(visitor, text).length, answersWith(visitor, token).length]).toEqual([1, 1])
    })
  })
}

test('of a secret that was revealed nothing is left after its dialog', async () => {
  const visitor = await browser.visit(server, 'ownA', { path: keyViews[0][1](company) })
  const { page } = visitor
  const { shown, text } = await createKey(page, 'to reveal')
  await shown.getByRole('button', { name: 'Save As Secret' }).click()
  await dialogOf(page, 'New Secret').getByRole('button', { name: 'Create Secret' }).click()
  await shown.getByText(/^Saved as secret/).waitFor()
  await shown.getByRole('button', { name: 'Close', exact: true }).click()
  await page.getByRole('link', { name: 'Secrets' }).click()
  await page.getByRole('button', { name: 'Reveal TO_REVEAL' }).click()
  const dialog = dialogOf(page, 'Reveal TO_REVEAL')
  await dialog.getByRole('button', { name: 'Reveal' }).click()
  expect(await dialog.locator('.plaintext').textContent()).toBe(text)
  expect(await tracesOf(visitor, text)).toEqual([['the document', 'the heap']])
  await dialog.getByRole('button', { name: 'Close', exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
  expect(await tracesOf(visitor, text)).toEqual([[]])
})
