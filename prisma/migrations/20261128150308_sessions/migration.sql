-- CreateTable
CREATE TABLE "session" (
    "id" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "member_id" TEXT NOT NULL,
    "signed_in_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "used_code" (
    "hash" BYTEA NOT NULL,
    "ends_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "used_code_pkey" PRIMARY KEY ("hash")
);

-- CreateIndex
CREATE UNIQUE INDEX "session_hash_key" ON "session"("hash");

-- CreateIndex
CREATE INDEX "session_member_id_idx" ON "session"("member_id");

-- CreateIndex
CREATE INDEX "session_used_at_idx" ON "session"("used_at");

-- CreateIndex
CREATE INDEX "used_code_ends_at_idx" ON "used_code"("ends_at");

-- AddForeignKey
ALTER TABLE "session" ADD CONSTRAINT "session_member_id_fkey" FOREIGN KEY ("member_id") REFERENCES "member"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Sessions and used codes are deleted once they have ended. A role that serves and owns nothing has the other rights by ALTER DEFAULT PRIVILEGES;
-- this one it gets here, like the rows that it may delete already.
DO $$
DECLARE
  serving NAME;
BEGIN
  FOR serving IN
    SELECT DISTINCT grantee FROM information_schema.role_table_grants
    WHERE table_schema = 'public' AND table_name = 'idempotent_create' AND privilege_type = 'DELETE' AND grantee NOT IN (current_user, 'PUBLIC')
  LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."session", "public"."used_code" TO %I', serving);
  END LOOP;
END $$;
