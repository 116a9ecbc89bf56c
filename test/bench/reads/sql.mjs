// What a team writes by hand that wants nothing but speed: node:http, and for each document one statement that answers finished JSON.
import { pool, serve } from '../http/checked.mjs'
import { createInOneStatement } from '../http/one-statement.mjs'
import { apps, page } from './statements.mjs'

const read =
  ({ name, text, values }) =>
  async ({ organizationId, all, memberId }, variables) =>
    (await pool.query({ name, text, values: [organizationId, all, memberId, ...values(variables)] })).rows[0].json
const operations = {
  Page: read(page),
  Apps: read(apps),
  Create: async (member, { input }) => JSON.stringify({ data: { createApiKey: await createInOneStatement(member, input) } }),
}
serve((body, member) => {
  const { operationName, variables } = JSON.parse(body)
  return operations[operationName](member, variables)
})
