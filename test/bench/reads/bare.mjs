// The limit of answers that are kept: node:http answers the bytes that are in memory for the same body of the same member, after the same check of
// the token and the same statement that finds the member.
import { readFileSync } from 'node:fs'
import { serve } from '../http/checked.mjs'

/** By subject and body. */
const answers = new Map(JSON.parse(readFileSync(process.env.ANSWERS, 'utf8')))
serve((body, { subject }) => {
  const json = answers.get(`${subject} ${body}`)
  if (json === undefined) throw new Error('nothing is kept for this')
  return json
})
