-- What a query answers is a function of the rows of its organization, and these change only with its version. So a node may send an answer again
-- while the version is the same. A version alone is not enough: after a restore the same number comes again with other rows. The mark beside it is
-- random, and a trigger moves it, so that nodes of an older version and SQL written by hand that moves the version count too.
ALTER TABLE "organization" ADD COLUMN "change_mark" UUID NOT NULL DEFAULT gen_random_uuid();

CREATE FUNCTION "public"."move_change_mark"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.change_mark := gen_random_uuid();
  RETURN NEW;
END $$;
CREATE TRIGGER organization_change_mark BEFORE UPDATE OF version, name, slug ON "organization"
  FOR EACH ROW EXECUTE FUNCTION "public"."move_change_mark"();

-- Last uses move no version: they are written beside changes, without the organization's lock. They have a mark of their own, in a row that only
-- such writes lock: after the rows of the keys, in the order of the organizations.
-- CreateTable
CREATE TABLE "use_mark" (
    "organization_id" TEXT NOT NULL,
    "mark" UUID NOT NULL,

    CONSTRAINT "use_mark_pkey" PRIMARY KEY ("organization_id")
);

-- AddForeignKey
ALTER TABLE "use_mark" ADD CONSTRAINT "use_mark_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

CREATE FUNCTION "public"."move_use_mark"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "public"."use_mark" (organization_id, mark)
    SELECT organization_id, gen_random_uuid() FROM updated GROUP BY organization_id ORDER BY organization_id
    ON CONFLICT (organization_id) DO UPDATE SET mark = EXCLUDED.mark;
  RETURN NULL;
END $$;
CREATE TRIGGER key_use_mark AFTER UPDATE ON "key_use" REFERENCING NEW TABLE AS updated
  FOR EACH STATEMENT EXECUTE FUNCTION "public"."move_use_mark"();
