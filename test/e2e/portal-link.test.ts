import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHome, type Home, onPostgres } from '../support/processes.ts'

let home: Home
beforeAll(async () => {
  home = await createHome()
})
afterAll(() => home.remove())

/** What the page does with a link: it takes the code out of the address and posts it. */
async function open(link: string): Promise<{ status: number; name?: string; slug?: string }> {
  const { origin, pathname, hash, search } = new URL(link)
  expect([origin, pathname, search]).toEqual([home.url, '/portal/', ''])
  const response = await fetch(`${origin}/portal/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify({ code: new URLSearchParams(hash.slice(1)).get('code') }),
  })
  const body = (await response.json()) as { member?: { name: string }; organization?: { slug: string } }
  return { status: response.status, ...(body.member ? { name: body.member.name } : {}), ...(body.organization ? { slug: body.organization.slug } : {}) }
}

test('SE-12 a printed link signs in once; printing needs no database, and only the embedded demo prints links at its start', async () => {
  const { printed } = await home.serve('owner@demo.example', { NODE_ENV: 'development' })
  const said = (): string => printed.join('')
  // Its server holds the embedded database.
  const { stdout, stderr, code } = await home.cli(['portal-link', '--org', 'demo', '--as', 'dev@demo.example'])
  expect([code, stderr, stdout.split('\n').length]).toEqual([0, '', 2])
  const links = said().match(/http\S+#code=\S+/g) ?? []
  expect(links).toHaveLength(onPostgres ? 0 : 5)
  if (onPostgres) return
  const people = []
  for (const link of links) people.push((await open(link)).name)
  expect(people).toEqual(['Olivia Brandt', 'Amira Haddad', 'Diego Fontaine', 'Uma Petrov', 'Otto Lindqvist'])
  expect(await open(stdout.trim())).toEqual({ status: 200, name: 'Diego Fontaine', slug: 'demo' })
  expect(await open(stdout.trim())).toEqual({ status: 401 })
})

test('SE-12 with an identity provider no link is printed', async () => {
  const provider = { AUTH_JWKS_URL: 'http://127.0.0.1:1/jwks', AUTH_ISSUER: 'http://127.0.0.1:1', AUTH_AUDIENCE: 'x' }
  const { AUTH_SECRET: _, ...env } = home.env
  const { stdout, code } = await home.cli(['portal-link', '--org', 'demo', '--as', 'x'], { ...env, AUTH_SECRET: '', ...provider })
  expect([stdout, code]).toEqual(['', 2])
})
