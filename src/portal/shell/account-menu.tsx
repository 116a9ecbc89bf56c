import { Icon as IconSelector } from 'virtual:icon/selector'
import { useId, useState } from 'react'
import { Mark } from '../elements/mark.tsx'
import { sessionMayHaveEnded } from '../graphql/session-end.ts'
import { signOut, switchOrganization } from '../session/session.ts'
import { SessionsDialog } from '../session/sessions-dialog.tsx'
import { roleNames, useViewer } from './viewer.ts'

/** The organization and the person: change the one, sign out the other. The browser opens and closes it, by Escape and by a click outside too. */
export function AccountMenu() {
  const { member, organization, organizations } = useViewer().viewer
  const menu = useId()
  const [listing, setListing] = useState(false)
  // Whether it worked or not, the session then says who is signed in.
  const then = (what: Promise<unknown>) => void what.catch(() => undefined).then(sessionMayHaveEnded)
  return (
    <>
      <button type="button" className="account" popoverTarget={menu} aria-label={`${organization.name}, ${member.name}, ${roleNames[member.role]}: account`}>
        <Mark />
        <span className="account-names">
          <strong>{organization.name}</strong>
          <span>{roleNames[member.role]}</span>
        </span>
        <IconSelector size={15} />
      </button>
      <section id={menu} popover="auto" aria-label="Account" className="account-menu">
        <p className="hint">Signed in as {member.name}</p>
        {organizations
          .filter(({ id }) => id !== organization.id)
          .map((each) => (
            <button key={each.id} type="button" onClick={() => then(switchOrganization(each.id))}>
              Switch to {each.name}
            </button>
          ))}
        <button
          type="button"
          popoverTarget={menu}
          onClick={() => {
            setListing(true)
          }}
        >
          Your sessions
        </button>
        <button type="button" onClick={() => then(signOut())}>
          Sign out
        </button>
      </section>
      {listing && <SessionsDialog onClose={() => setListing(false)} />}
    </>
  )
}
