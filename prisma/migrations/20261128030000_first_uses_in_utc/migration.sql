-- A thousand years are counted in the session's zone, whose offset was another one then: in UTC they are the same in every session.
CREATE OR REPLACE FUNCTION key_use_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "key_use" ("key_id", "organization_id", "last_used_at")
  SELECT id, organization_id, (created_at AT TIME ZONE 'UTC' - interval '1000 years') AT TIME ZONE 'UTC' FROM added;
  RETURN NULL;
END $$;
UPDATE "key_use" u SET "last_used_at" = (k."created_at" AT TIME ZONE 'UTC' - interval '1000 years') AT TIME ZONE 'UTC' FROM "api_key" k
  WHERE k."id" = u."key_id" AND u."last_used_at" < '1970-01-01T00:00:00Z'
    AND u."last_used_at" <> (k."created_at" AT TIME ZONE 'UTC' - interval '1000 years') AT TIME ZONE 'UTC';
