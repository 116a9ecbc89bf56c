-- The mark of an organization moves in the transaction of every denial: whatever makes an ACTIVE key not ACTIVE, except time. A node that has
-- found a key valid may say so again while the mark is the same. Triggers move it, so that nodes of an older version and SQL written by hand
-- count too. It is random and no counter: a backup or a standby that lags must never bring an old one back.
ALTER TABLE "organization" ADD COLUMN "denial_mark" UUID NOT NULL DEFAULT gen_random_uuid();

CREATE FUNCTION "public"."move_denial_mark_of_keys"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "public"."organization" SET denial_mark = gen_random_uuid() WHERE id IN (
    SELECT was.organization_id FROM removed was LEFT JOIN added is_now ON is_now.id = was.id
    WHERE was.status = 'ACTIVE' AND (
      is_now.id IS NULL OR is_now.status IN ('REVOKED', 'ORPHANED')
      -- Ended before its time: by hand, or by a node whose clock is ahead.
      OR (is_now.status = 'EXPIRED' AND is_now.expires_at > clock_timestamp())
      OR is_now.expires_at < was.expires_at
      OR is_now.instance_id <> was.instance_id OR is_now.organization_id <> was.organization_id));
  RETURN NULL;
END $$;
CREATE TRIGGER api_key_denial_mark AFTER UPDATE ON "api_key" REFERENCING OLD TABLE AS removed NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION "public"."move_denial_mark_of_keys"();

CREATE FUNCTION "public"."move_denial_mark"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "public"."organization" SET denial_mark = gen_random_uuid() WHERE id = NEW.organization_id;
  RETURN NULL;
END $$;
CREATE TRIGGER app_instance_denial_mark AFTER UPDATE OF deleted_at ON "app_instance" FOR EACH ROW
  WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION "public"."move_denial_mark"();
CREATE TRIGGER member_denial_mark AFTER UPDATE OF removed_at ON "member" FOR EACH ROW
  WHEN (OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL) EXECUTE FUNCTION "public"."move_denial_mark"();
