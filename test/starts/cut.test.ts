import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createGround, type Ground } from '../support/starts.ts'

let ground: Ground
let whole: object
const names = readdirSync('prisma/migrations', { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))

const columns = (url: string): Promise<object[]> =>
  ground.sql("SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2", url)
const finished = (url: string): Promise<{ name: string }[]> =>
  ground.sql('SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1', url)

/** Makes this migration take longer than another start, once in its middle. */
const slow = (number: number): string => `CREATE FUNCTION public.pause() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF to_regclass('_prisma_migrations') IS NULL OR current_setting('start.paused', true) = 'yes' THEN RETURN; END IF;
    IF (SELECT count(*) FROM _prisma_migrations) <> ${number} THEN RETURN; END IF;
    PERFORM set_config('start.paused', 'yes', true), pg_sleep(3);
  END $$;
  CREATE EVENT TRIGGER pause ON ddl_command_end EXECUTE FUNCTION public.pause()`

beforeAll(async () => {
  ground = await createGround()
  const url = await ground.database()
  await ground.migrate(url)
  whole = await columns(url)
}, 60_000)
afterAll(() => ground.remove())

for (const number of [1, 2, 3, Math.ceil(names.length / 2), names.length]) {
  test(`IN-08 a process that is killed during migration ${number} leaves a database that the next start migrates to its end`, async () => {
    const url = await ground.database()
    await ground.sql(slow(number), url)
    const begun = async (): Promise<boolean> => {
      const [there] = await ground.sql<{ there: boolean }>("SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there", url)
      if (!there?.there) return false
      const [row] = await ground.sql<{ begun: number }>('SELECT count(*)::int AS begun FROM _prisma_migrations', url)
      return (row?.begun ?? 0) >= number
    }
    const { code } = await ground.migrate(url, async (kill) => {
      while (!(await begun())) await new Promise((resolve) => setTimeout(resolve, 2))
      kill()
    })
    expect(code).toBeNull()
    // PostgreSQL still runs what the process sent.
    const next = await ground.migrate(url)
    expect(next).toMatchObject({ code: 0 })
    expect((await finished(url)).map(({ name }) => name)).toEqual(names)
    expect(await columns(url)).toEqual(whole)
    expect(await ground.migrate(url)).toEqual({ code: 0, printed: 'Nothing to apply.\n' })
  }, 120_000)
}

test('IN-08 a migration that was refused is applied at the next start, once what it met is gone', async () => {
  const url = await ground.database()
  const last = names.at(-1) ?? ''
  await ground.sql(
    "CREATE FUNCTION public.no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF to_regclass('event') IS NOT NULL THEN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END IF; END $$; CREATE EVENT TRIGGER no ON ddl_command_end EXECUTE FUNCTION public.no()",
    url,
  )
  const refused = await ground.migrate(url)
  expect(refused).toMatchObject({
    code: 1,
    printed: expect.stringMatching(
      /^aura-keys could not start: The migration \w+ failed, and nothing of it is in the database\. The disk of the database is full\. Make room, and start again\.\n$/,
    ),
  })
  expect(await ground.migrate(url)).toEqual(refused)
  await ground.sql('DROP EVENT TRIGGER no', url)
  expect(await ground.migrate(url)).toMatchObject({ code: 0, printed: expect.stringContaining(last) })
  expect(await columns(url)).toEqual(whole)
})
