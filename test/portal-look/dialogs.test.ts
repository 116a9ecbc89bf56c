import { test } from 'vitest'
import { browserOfFile } from '../support/browser.ts'
import { serverOfFile } from '../support/file-server.ts'
import { createPortalCompany } from '../support/portal-company.ts'
import { dialogs } from '../support/portal-views.ts'
import { check, openView } from '../support/view-checks.ts'

const server = await serverOfFile()
const company = await createPortalCompany(server)
const browser = browserOfFile()

test.each(dialogs)(
  'the dialog $name passes axe in light and dark, and scrolls sideways neither at 320 pixels nor at 200 % zoom',
  async (view) => {
    await check(await openView(browser, server, company, view), view.name)
  },
  120_000,
)
