-- What search reads: `folded`, the name and what else is searched without the differences of case, and `trigrams`, the same in letters and digits
-- of ASCII alone, of which an index is made. The application writes both (src/folding.ts). SQL folds ASCII alone: rows that it folds (the present
-- ones, those of nodes of an older version, and those written by hand) get the same as from the application if they are ASCII; the others are
-- noted in `unfolded`, and the application folds them.

-- CreateTable
CREATE TABLE "unfolded" (
    "id" TEXT NOT NULL,

    CONSTRAINT "unfolded_pkey" PRIMARY KEY ("id")
);

-- In the order in which changes lock them.
LOCK TABLE "member", "app_instance", "api_key" IN ACCESS EXCLUSIVE MODE;

-- As generated columns the present rows get theirs without an UPDATE, which would fire the triggers of each.
ALTER TABLE "api_key"
  ADD COLUMN "folded" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower("name" COLLATE "C") || E'\n' || lower("hint" COLLATE "C")) STORED,
  ADD COLUMN "trigrams" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS (translate(lower("name" COLLATE "C") || E'\n' || lower("hint" COLLATE "C"),
    E'\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\x7f…',
    '234567891234567891234567891234567891234567891235678912234567789125')) STORED;
ALTER TABLE "api_key" ALTER COLUMN "folded" DROP EXPRESSION, ALTER COLUMN "trigrams" DROP EXPRESSION;
ALTER TABLE "app_instance"
  ADD COLUMN "folded" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower("name" COLLATE "C") || E'\n' || '') STORED,
  ADD COLUMN "trigrams" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS (translate(lower("name" COLLATE "C") || E'\n' || '',
    E'\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\x7f…',
    '234567891234567891234567891234567891234567891235678912234567789125')) STORED;
ALTER TABLE "app_instance" ALTER COLUMN "folded" DROP EXPRESSION, ALTER COLUMN "trigrams" DROP EXPRESSION;
ALTER TABLE "member"
  ADD COLUMN "folded" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower("name" COLLATE "C") || E'\n' || coalesce(lower("email" COLLATE "C"), '')) STORED,
  ADD COLUMN "trigrams" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS (translate(lower("name" COLLATE "C") || E'\n' || coalesce(lower("email" COLLATE "C"), ''),
    E'\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\x7f…',
    '234567891234567891234567891234567891234567891235678912234567789125')) STORED;
ALTER TABLE "member" ALTER COLUMN "folded" DROP EXPRESSION, ALTER COLUMN "trigrams" DROP EXPRESSION;

-- The hint of a key has one character that is not ASCII, which folds to itself.
INSERT INTO "unfolded" ("id") SELECT "id" FROM "api_key" WHERE octet_length(replace("folded", '…', '')) <> length(replace("folded", '…', ''));
INSERT INTO "unfolded" ("id") SELECT "id" FROM "app_instance" WHERE octet_length(replace("folded", '…', '')) <> length(replace("folded", '…', ''));
INSERT INTO "unfolded" ("id") SELECT "id" FROM "member" WHERE octet_length(replace("folded", '…', '')) <> length(replace("folded", '…', ''));

CREATE FUNCTION "public"."fold_ascii"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  more TEXT := '';
BEGIN
  IF TG_TABLE_NAME = 'api_key' THEN
    more := NEW.hint;
  ELSIF TG_TABLE_NAME = 'member' THEN
    more := coalesce(NEW.email, '');
  END IF;
  NEW.folded := lower(NEW.name COLLATE "C") || E'\n' || lower(more COLLATE "C");
  NEW.trigrams := translate(NEW.folded,
    E'\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\x7f…',
    '234567891234567891234567891234567891234567891235678912234567789125');
  IF octet_length(replace(NEW.folded, '…', '')) <> length(replace(NEW.folded, '…', '')) THEN
    INSERT INTO "public"."unfolded" ("id") VALUES (NEW.id) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER api_key_fold_new BEFORE INSERT ON "api_key" FOR EACH ROW WHEN (NEW."folded" IS NULL OR NEW."trigrams" IS NULL)
  EXECUTE FUNCTION "public"."fold_ascii"();
CREATE TRIGGER api_key_fold_changed BEFORE UPDATE OF "name", "hint" ON "api_key" FOR EACH ROW
  WHEN ((OLD."name", OLD."hint") IS DISTINCT FROM (NEW."name", NEW."hint") AND OLD."folded" = NEW."folded")
  EXECUTE FUNCTION "public"."fold_ascii"();
CREATE TRIGGER app_instance_fold_new BEFORE INSERT ON "app_instance" FOR EACH ROW WHEN (NEW."folded" IS NULL OR NEW."trigrams" IS NULL)
  EXECUTE FUNCTION "public"."fold_ascii"();
CREATE TRIGGER app_instance_fold_changed BEFORE UPDATE OF "name" ON "app_instance" FOR EACH ROW
  WHEN (OLD."name" IS DISTINCT FROM NEW."name" AND OLD."folded" = NEW."folded")
  EXECUTE FUNCTION "public"."fold_ascii"();
CREATE TRIGGER member_fold_new BEFORE INSERT ON "member" FOR EACH ROW WHEN (NEW."folded" IS NULL OR NEW."trigrams" IS NULL)
  EXECUTE FUNCTION "public"."fold_ascii"();
CREATE TRIGGER member_fold_changed BEFORE UPDATE OF "name", "email" ON "member" FOR EACH ROW
  WHEN ((OLD."name", OLD."email") IS DISTINCT FROM (NEW."name", NEW."email") AND OLD."folded" = NEW."folded")
  EXECUTE FUNCTION "public"."fold_ascii"();

-- CreateIndex
CREATE INDEX "member_organization_id_folded_idx" ON "member"("organization_id", "folded");

-- CreateIndex
CREATE INDEX "app_instance_app_id_folded_idx" ON "app_instance"("app_id", "folded");

-- CreateIndex
CREATE INDEX "api_key_organization_id_folded_idx" ON "api_key"("organization_id", "folded");

-- How often a part of a name is there, decides which index is quick; a hundred samples say it too coarsely.
ALTER TABLE "api_key" ALTER COLUMN "trigrams" SET STATISTICS 1000;

-- Where the database refuses the extension, search works without these indexes, and a later start makes them (src/store/search-index.ts).
DO $$
DECLARE
  place NAME;
BEGIN
  BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
  EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'the extension pg_trgm is refused: %', SQLERRM;
  END;
  SELECT n.nspname INTO place FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
  IF place IS NOT NULL THEN
    BEGIN
      EXECUTE format('CREATE INDEX "member_trigrams_idx" ON "member" USING GIN ("trigrams" %I.gin_trgm_ops)', place);
      EXECUTE format('CREATE INDEX "app_instance_trigrams_idx" ON "app_instance" USING GIN ("trigrams" %I.gin_trgm_ops)', place);
      EXECUTE format('CREATE INDEX "api_key_trigrams_idx" ON "api_key" USING GIN ("trigrams" %I.gin_trgm_ops)', place);
    EXCEPTION WHEN OTHERS THEN
      RAISE NOTICE 'the indexes of search are refused: %', SQLERRM;
    END;
  END IF;
END $$;

-- As for sessions: rows of `unfolded` are deleted once the application has folded what they name.
DO $$
DECLARE
  serving NAME;
BEGIN
  FOR serving IN
    SELECT DISTINCT grantee FROM information_schema.role_table_grants
    WHERE table_schema = 'public' AND table_name = 'idempotent_create' AND privilege_type = 'DELETE' AND grantee NOT IN (current_user, 'PUBLIC')
  LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."unfolded" TO %I', serving);
  END LOOP;
END $$;
