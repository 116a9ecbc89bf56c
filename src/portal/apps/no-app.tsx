import { Empty } from '../elements/empty.tsx'
import { Page } from '../shell/page.tsx'

export const NoApp = () => (
  <Page title="Not found">
    <Empty title="There is no such app">Your organization has none with this name. Choose one on the left.</Empty>
  </Page>
)
