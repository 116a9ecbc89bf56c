-- What Prisma's schema language cannot say: the derived status, the counter rows, the checks.

-- The status of a key is derived from three facts, first match wins. A revocation is final and an orphan is never adopted.
CREATE FUNCTION api_key_derive_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
      RAISE EXCEPTION 'a revocation is final';
    END IF;
    IF OLD.orphan_reason IS NOT NULL AND NEW.orphan_reason IS DISTINCT FROM OLD.orphan_reason THEN
      RAISE EXCEPTION 'an orphan is never adopted';
    END IF;
    IF (NEW.instance_id, NEW.app_id, NEW.organization_id, NEW.created_by_id) IS DISTINCT FROM (OLD.instance_id, OLD.app_id, OLD.organization_id, OLD.created_by_id) THEN
      RAISE EXCEPTION 'a key never moves';
    END IF;
  END IF;
  NEW.status := CASE
    WHEN NEW.revoked_at IS NOT NULL THEN 'REVOKED'
    WHEN NEW.orphan_reason IS NOT NULL THEN 'ORPHANED'
    WHEN NEW.expired_at IS NOT NULL THEN 'EXPIRED'
    ELSE 'ACTIVE' END;
  RETURN NEW;
END $$;
CREATE TRIGGER api_key_status BEFORE INSERT OR UPDATE ON "api_key" FOR EACH ROW EXECUTE FUNCTION api_key_derive_status();

-- Counter rows: one per organization, app and instance; only non-zero differences are written, in the order of the subjects.
ALTER TABLE "key_count" ADD CONSTRAINT key_count_not_negative CHECK (active >= 0 AND expired >= 0 AND orphaned >= 0 AND revoked >= 0);

CREATE FUNCTION key_count_subject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "key_count" ("subject_id") VALUES (NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER organization_key_count AFTER INSERT ON "organization" FOR EACH ROW EXECUTE FUNCTION key_count_subject();
CREATE TRIGGER app_key_count AFTER INSERT ON "app" FOR EACH ROW EXECUTE FUNCTION key_count_subject();
CREATE TRIGGER instance_key_count AFTER INSERT ON "app_instance" FOR EACH ROW EXECUTE FUNCTION key_count_subject();

-- `api_key` is never deleted from (a refused DELETE keeps that so), which leaves two kinds of statement to count.
CREATE FUNCTION key_count_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE d record;
BEGIN
  FOR d IN
    SELECT s.subject_id,
      count(*) FILTER (WHERE a.status = 'ACTIVE') AS active, count(*) FILTER (WHERE a.status = 'EXPIRED') AS expired,
      count(*) FILTER (WHERE a.status = 'ORPHANED') AS orphaned, count(*) FILTER (WHERE a.status = 'REVOKED') AS revoked
    FROM added a CROSS JOIN LATERAL (VALUES (a.organization_id), (a.app_id), (a.instance_id)) AS s(subject_id)
    GROUP BY s.subject_id ORDER BY s.subject_id
  LOOP
    UPDATE "key_count" SET active = key_count.active + d.active, expired = key_count.expired + d.expired,
      orphaned = key_count.orphaned + d.orphaned, revoked = key_count.revoked + d.revoked
    WHERE subject_id = d.subject_id;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER api_key_count_insert AFTER INSERT ON "api_key" REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION key_count_inserted();

CREATE FUNCTION key_count_updated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE d record;
BEGIN
  FOR d IN
    SELECT s.subject_id,
      coalesce(sum(k.sign) FILTER (WHERE k.status = 'ACTIVE'), 0) AS active, coalesce(sum(k.sign) FILTER (WHERE k.status = 'EXPIRED'), 0) AS expired,
      coalesce(sum(k.sign) FILTER (WHERE k.status = 'ORPHANED'), 0) AS orphaned, coalesce(sum(k.sign) FILTER (WHERE k.status = 'REVOKED'), 0) AS revoked
    FROM (SELECT 1 AS sign, status, organization_id, app_id, instance_id FROM added
          UNION ALL SELECT -1, status, organization_id, app_id, instance_id FROM removed) k
    CROSS JOIN LATERAL (VALUES (k.organization_id), (k.app_id), (k.instance_id)) AS s(subject_id)
    GROUP BY s.subject_id ORDER BY s.subject_id
  LOOP
    CONTINUE WHEN d.active = 0 AND d.expired = 0 AND d.orphaned = 0 AND d.revoked = 0;
    UPDATE "key_count" SET active = key_count.active + d.active, expired = key_count.expired + d.expired,
      orphaned = key_count.orphaned + d.orphaned, revoked = key_count.revoked + d.revoked
    WHERE subject_id = d.subject_id;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER api_key_count_update AFTER UPDATE ON "api_key" REFERENCING OLD TABLE AS removed NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION key_count_updated();

CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME;
END $$;
CREATE TRIGGER api_key_keep BEFORE DELETE ON "api_key" FOR EACH ROW EXECUTE FUNCTION refuse_delete();

-- A subject is a member of an organization at most once; a re-added person is a new member.
CREATE UNIQUE INDEX "member_present" ON "member" ("organization_id", "subject") WHERE "removed_at" IS NULL;

ALTER TABLE "app_instance" ADD CONSTRAINT app_instance_deleted_status CHECK ((status = 'DELETED') = (deleted_at IS NOT NULL));

-- Events are numbered from 1, and never change.
ALTER TABLE "event" ADD CONSTRAINT event_version_positive CHECK (version > 0);
CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME;
END $$;
CREATE TRIGGER event_keep BEFORE UPDATE ON "event" FOR EACH ROW EXECUTE FUNCTION refuse_update();

-- Names sort by code point, alike on every store and in every locale.
ALTER TABLE "app" ALTER COLUMN "name" TYPE TEXT COLLATE "C";
ALTER TABLE "app_instance" ALTER COLUMN "name" TYPE TEXT COLLATE "C";
ALTER TABLE "member" ALTER COLUMN "name" TYPE TEXT COLLATE "C";
ALTER TABLE "api_key" ALTER COLUMN "name" TYPE TEXT COLLATE "C";
