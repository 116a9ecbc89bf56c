import { Button } from '@mantine/core'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { Problem } from '../elements/problem.tsx'
import { sessionMayHaveEnded } from '../graphql/session-end.ts'
import { switchOrganization } from '../session/session.ts'
import { Page } from './page.tsx'
import { useViewer } from './viewer.ts'

/** For whoever is a member of several organizations and has just signed in. */
export function ChooseOrganization() {
  const { organization, organizations } = useViewer().viewer
  const [, go] = useLocation()
  const [error, setError] = useState<string>()
  const choose = async (id: string) => {
    try {
      if (id !== organization.id) await switchOrganization(id)
      go('/', { replace: true })
      sessionMayHaveEnded()
    } catch (refusal) {
      setError((refusal as Error).message)
    }
  }
  return (
    <Page title="Choose an organization" subtitle="You are a member of several. You can change it later, at the upper left.">
      {error && (
        <Problem title="That did not work" onRetry={undefined}>
          {error}
        </Problem>
      )}
      <div className="toolbar">
        {organizations.map((each) => (
          <Button key={each.id} variant="default" onClick={() => void choose(each.id)}>
            {each.name}
          </Button>
        ))}
      </div>
    </Page>
  )
}
