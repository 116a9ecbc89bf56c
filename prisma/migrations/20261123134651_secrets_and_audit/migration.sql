-- AlterEnum
-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single migration. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


ALTER TYPE "EventKind" ADD VALUE 'API_KEY_SAVED_AS_SECRET';
ALTER TYPE "EventKind" ADD VALUE 'MEMBER_REMOVED';
ALTER TYPE "EventKind" ADD VALUE 'MEMBER_ROLE_CHANGED';
ALTER TYPE "EventKind" ADD VALUE 'SECRET_REVEALED';
ALTER TYPE "EventKind" ADD VALUE 'SECRET_DELETED';

-- AlterTable
ALTER TABLE "event" ADD COLUMN     "secret_id" TEXT;

-- CreateTable
CREATE TABLE "secret" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_by_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "api_key_id" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "kek_id" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,

    CONSTRAINT "secret_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotent_create" (
    "member_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "input_hash" BYTEA NOT NULL,
    "api_key_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotent_create_pkey" PRIMARY KEY ("member_id","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "secret_api_key_id_key" ON "secret"("api_key_id");

-- CreateIndex
CREATE INDEX "secret_organization_id_created_at_id_idx" ON "secret"("organization_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "secret_created_by_id_created_at_id_idx" ON "secret"("created_by_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "secret_kek_id_idx" ON "secret"("kek_id");

-- CreateIndex
CREATE UNIQUE INDEX "secret_organization_id_name_key" ON "secret"("organization_id", "name");

-- CreateIndex
CREATE INDEX "idempotent_create_created_at_idx" ON "idempotent_create"("created_at");

-- CreateIndex
CREATE INDEX "event_api_key_id_version_idx" ON "event"("api_key_id", "version");

-- CreateIndex
CREATE INDEX "event_instance_id_version_idx" ON "event"("instance_id", "version");

-- CreateIndex
CREATE INDEX "event_organization_id_actor_id_version_idx" ON "event"("organization_id", "actor_id", "version");

-- CreateIndex
CREATE INDEX "event_organization_id_kind_version_idx" ON "event"("organization_id", "kind", "version");

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_api_key_id_fkey" FOREIGN KEY ("api_key_id") REFERENCES "api_key"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_instance_id_fkey" FOREIGN KEY ("instance_id") REFERENCES "app_instance"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_app_id_fkey" FOREIGN KEY ("app_id") REFERENCES "app"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_member_id_fkey" FOREIGN KEY ("member_id") REFERENCES "member"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "secret" ADD CONSTRAINT "secret_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "secret" ADD CONSTRAINT "secret_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "member"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "secret" ADD CONSTRAINT "secret_api_key_id_fkey" FOREIGN KEY ("api_key_id") REFERENCES "api_key"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "idempotent_create" ADD CONSTRAINT "idempotent_create_member_id_fkey" FOREIGN KEY ("member_id") REFERENCES "member"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "idempotent_create" ADD CONSTRAINT "idempotent_create_api_key_id_fkey" FOREIGN KEY ("api_key_id") REFERENCES "api_key"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- CreateIndex
CREATE INDEX "api_key_organization_id_name_id_idx" ON "api_key"("organization_id", "name", "id");

-- CreateIndex
CREATE INDEX "api_key_organization_id_expires_at_id_idx" ON "api_key"("organization_id", "expires_at", "id");

-- CreateIndex
CREATE INDEX "api_key_organization_id_status_created_at_id_idx" ON "api_key"("organization_id", "status", "created_at", "id");
