import { afterAll } from 'vitest'
import { type Company, createCompany } from './company.ts'
import { startServer, type TestServer } from './server.ts'

/** A server for the tests of the calling file, closed after them. Takes what `startServer` takes. */
export async function serverOfFile(...options: Parameters<typeof startServer>): Promise<TestServer> {
  const server = await startServer(...options)
  afterAll(() => server.close())
  return server
}

/** The same, with the two organizations of `createCompany` in it. */
export async function companyOfFile(...options: Parameters<typeof startServer>): Promise<{ server: TestServer; company: Company }> {
  const server = await serverOfFile(...options)
  return { server, company: await createCompany(server) }
}
