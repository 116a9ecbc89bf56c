import type { Server } from './processes.ts'

/** Runs while every server but one is stopped, so that nothing that they do beside the requests is in its way. */
async function alone<Answer>(server: Server, run: () => Promise<Answer>): Promise<Answer> {
  process.kill(server.pid, 'SIGCONT')
  return run().finally(() => process.kill(server.pid, 'SIGSTOP'))
}

/** Measures all of them in turn, `rounds` times after one that is not counted, in which they are compiled. */
export async function alternate<Subject extends { readonly server: Server }, Figure>(
  subjects: readonly Subject[],
  rounds: number,
  measure: (subject: Subject) => Promise<Figure>,
): Promise<Map<Subject, Figure[]>> {
  const figures = new Map<Subject, Figure[]>(subjects.map((subject) => [subject, []]))
  for (const { server } of subjects) process.kill(server.pid, 'SIGSTOP')
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const [subject, measured] of figures) {
        const figure = await alone(subject.server, () => measure(subject))
        if (round > 0) measured.push(figure)
      }
    }
  } finally {
    for (const { server } of subjects) process.kill(server.pid, 'SIGCONT')
  }
  return figures
}
