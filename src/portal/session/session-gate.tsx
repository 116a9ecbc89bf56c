import { type ReactNode, useCallback, useEffect, useState } from 'react'
import { PageSkeleton } from '../elements/skeleton.tsx'
import { whenSessionMayHaveEnded } from '../graphql/session-end.ts'
import { SessionContext } from './current-session.ts'
import { readSession, rememberPlace, type Session, type SignedOut, takeCode } from './session.ts'
import { SignIn } from './sign-in.tsx'

// Read once, before anything renders: the address must lose the code even if the page then fails.
const codeOfAddress = takeCode()

/** Shows the portal to who is signed in, and the way in to everybody else, at the same address, so that signing in leads back to the same place. */
export function SessionGate({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | SignedOut | 'unreachable'>()
  const [code, setCode] = useState(codeOfAddress)
  const read = useCallback(() => readSession().then(setSession, () => setSession((known) => known ?? 'unreachable')), [])

  useEffect(() => {
    void read()
    const seen = () => document.visibilityState === 'visible' && void read()
    // Another tab may have signed in or out meanwhile.
    document.addEventListener('visibilitychange', seen)
    // A link opened where the portal is open already changes only the fragment.
    const arrived = () => setCode((known) => takeCode() ?? known)
    addEventListener('hashchange', arrived)
    const forget = whenSessionMayHaveEnded(() => void read())
    return () => {
      document.removeEventListener('visibilitychange', seen)
      removeEventListener('hashchange', arrived)
      forget()
    }
  }, [read])

  if (session === undefined) return <PageSkeleton />
  const signedIn = session !== 'unreachable' && 'member' in session
  if (!signedIn || code !== undefined) {
    rememberPlace()
    return (
      <SignIn
        key={code}
        session={session}
        code={code}
        onDone={() => {
          setCode(undefined)
          return read()
        }}
      />
    )
  }
  // Everything below starts anew for another person or organization: nothing of the one may be shown to the other.
  return (
    <SessionContext value={session} key={`${session.member.id} ${session.organization.id}`}>
      {children}
    </SessionContext>
  )
}
