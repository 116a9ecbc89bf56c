import { Button } from '@mantine/core'
import { useEffect, useState } from 'react'
import { Mark } from '../elements/mark.tsx'
import { Problem } from '../elements/problem.tsx'
import { type Session, type SignedOut, signInWith } from './session.ts'

interface Props {
  readonly session: Session | SignedOut | 'unreachable'
  readonly code: string | undefined
  readonly onDone: () => Promise<unknown>
}

/** The way in: by the code of the address, by the identity provider, or what to do without either. */
export function SignIn({ session, code, onDone }: Props) {
  const [error, setError] = useState<string>()
  const [busy, setBusy] = useState(false)
  const current = session !== 'unreachable' && 'member' in session ? session : undefined

  const redeem = async (code: string) => {
    setBusy(true)
    setError(undefined)
    await signInWith(code)
      .then(onDone)
      .catch((refusal: Error) => setError(refusal.message))
    setBusy(false)
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: a code is used once; who is signed in decides first
  useEffect(() => {
    if (code !== undefined && current === undefined) void redeem(code)
  }, [])

  return (
    <main className="sign-in">
      <title>Sign in · Aura keys</title>
      <Mark />
      <h1>{current && !error ? 'Change the person?' : 'Sign in'}</h1>
      {error && (
        <Problem title="The link did not work" onRetry={undefined}>
          {error} Links work once, for ten minutes. Ask for a new one.
        </Problem>
      )}
      {current && !error && code !== undefined && (
        <>
          <p>
            You are signed in as <strong>{current.member.name}</strong> in {current.organization.name}. The link that you opened signs somebody in anew.
          </p>
          <div className="sign-in-choice">
            <Button variant="default" onClick={() => void onDone()}>
              Stay {current.member.name}
            </Button>
            <Button loading={busy} onClick={() => void redeem(code)}>
              Use the link
            </Button>
          </div>
        </>
      )}
      {current && error && <Button onClick={() => void onDone()}>Go on as {current.member.name}</Button>}
      {!current && busy && <p role="status">Signing in …</p>}
      {!current && !busy && <Ways session={session} onRetry={() => void onDone()} />}
    </main>
  )
}

function Ways({ session, onRetry }: { session: Session | SignedOut | 'unreachable'; onRetry: () => void }) {
  if (session === 'unreachable') {
    return (
      <Problem title="The server does not answer" onRetry={onRetry}>
        Check your connection, then try again.
      </Problem>
    )
  }
  const signIn = 'signIn' in session ? session.signIn : undefined
  if (signIn !== undefined) {
    const target = new URL(signIn, location.origin)
    target.searchParams.set('returnTo', location.pathname + location.search)
    return (
      <Button component="a" href={target.href}>
        Continue with your organization
      </Button>
    )
  }
  return (
    <>
      <p>Open the link that the server printed when it started, or ask whoever runs it for one:</p>
      <pre>npx aura-keys portal-link --org … --as …</pre>
      <Button variant="default" onClick={onRetry}>
        Check again
      </Button>
    </>
  )
}
