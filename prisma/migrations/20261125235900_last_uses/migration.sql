-- A row for each key, so that an order by last use has an index. Keys that were never used stand there with the time of their creation, a
-- thousand years earlier: as many equal values would have to be skipped one by one.
ALTER TABLE "key_use" ADD COLUMN "organization_id" TEXT;
INSERT INTO "key_use" ("key_id", "organization_id", "last_used_at") SELECT "id", "organization_id", "created_at" - interval '1000 years' FROM "api_key"
  ON CONFLICT ("key_id") DO UPDATE SET "organization_id" = EXCLUDED."organization_id", "last_used_at" = coalesce("key_use"."last_used_at", EXCLUDED."last_used_at");
ALTER TABLE "key_use" ALTER COLUMN "organization_id" SET NOT NULL, ALTER COLUMN "last_used_at" SET NOT NULL;

-- CreateIndex
CREATE INDEX "key_use_organization_id_last_used_at_key_id_idx" ON "key_use"("organization_id", "last_used_at", "key_id");

CREATE FUNCTION key_use_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "key_use" ("key_id", "organization_id", "last_used_at") SELECT id, organization_id, created_at - interval '1000 years' FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER api_key_use AFTER INSERT ON "api_key" REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION key_use_inserted();
