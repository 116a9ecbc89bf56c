-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "OrganizationRole" AS ENUM ('OWNER', 'AURA_OWNER', 'MEMBER');

-- CreateEnum
CREATE TYPE "InstanceRole" AS ENUM ('OWNER', 'USER');

-- CreateEnum
CREATE TYPE "InstanceStatus" AS ENUM ('INITIALIZING', 'ACTIVE', 'IDLE', 'FAILED', 'DELETED');

-- CreateEnum
CREATE TYPE "ApiKeyStatus" AS ENUM ('ACTIVE', 'EXPIRED', 'ORPHANED', 'REVOKED');

-- CreateEnum
CREATE TYPE "OrphanReason" AS ENUM ('INSTANCE_DELETED', 'CREATOR_REMOVED');

-- CreateEnum
CREATE TYPE "EventKind" AS ENUM ('API_KEY_CREATED', 'API_KEY_REVOKED', 'API_KEY_ORPHANED', 'API_KEY_EXPIRED', 'INSTANCE_CREATED', 'INSTANCE_DELETED', 'INSTANCE_ACCESS_CHANGED', 'MEMBER_ADDED', 'APP_CREATED');

-- CreateTable
CREATE TABLE "organization" (
    "id" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organization_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "member" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT,
    "role" "OrganizationRole" NOT NULL,
    "joined_at" TIMESTAMPTZ(3) NOT NULL,
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "member_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "app" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "app_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "app_instance" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" "InstanceStatus" NOT NULL,
    "created_by_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "app_instance_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "instance_access" (
    "instance_id" TEXT NOT NULL,
    "member_id" TEXT NOT NULL,
    "role" "InstanceRole" NOT NULL,

    CONSTRAINT "instance_access_pkey" PRIMARY KEY ("member_id","instance_id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "instance_id" TEXT NOT NULL,
    "created_by_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "hint" TEXT NOT NULL,
    "status" "ApiKeyStatus" NOT NULL DEFAULT 'ACTIVE',
    "revoked_at" TIMESTAMPTZ(3),
    "orphan_reason" "OrphanReason",
    "expired_at" TIMESTAMPTZ(3),
    "revoked_by_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "key_digest" (
    "key_id" TEXT NOT NULL,
    "pepper_id" TEXT NOT NULL,
    "digest" BYTEA NOT NULL,

    CONSTRAINT "key_digest_pkey" PRIMARY KEY ("key_id")
);

-- CreateTable
CREATE TABLE "key_use" (
    "key_id" TEXT NOT NULL,
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "key_use_pkey" PRIMARY KEY ("key_id")
);

-- CreateTable
CREATE TABLE "key_count" (
    "subject_id" TEXT NOT NULL,
    "active" INTEGER NOT NULL DEFAULT 0,
    "expired" INTEGER NOT NULL DEFAULT 0,
    "orphaned" INTEGER NOT NULL DEFAULT 0,
    "revoked" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "key_count_pkey" PRIMARY KEY ("subject_id")
);

-- CreateTable
CREATE TABLE "event" (
    "id" TEXT NOT NULL,
    "organization_id" TEXT NOT NULL,
    "version" BIGINT NOT NULL,
    "kind" "EventKind" NOT NULL,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "actor_id" TEXT,
    "subject_name" TEXT NOT NULL,
    "api_key_id" TEXT,
    "instance_id" TEXT,
    "app_id" TEXT,
    "member_id" TEXT,

    CONSTRAINT "event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "node" (
    "id" TEXT NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "node_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "setting" (
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "setting_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE UNIQUE INDEX "organization_slug_key" ON "organization"("slug");

-- CreateIndex
CREATE INDEX "member_subject_idx" ON "member"("subject");

-- CreateIndex
CREATE INDEX "member_organization_id_name_id_idx" ON "member"("organization_id", "name", "id");

-- CreateIndex
CREATE INDEX "app_organization_id_name_id_idx" ON "app"("organization_id", "name", "id");

-- CreateIndex
CREATE UNIQUE INDEX "app_organization_id_slug_key" ON "app"("organization_id", "slug");

-- CreateIndex
CREATE INDEX "app_instance_app_id_name_id_idx" ON "app_instance"("app_id", "name", "id");

-- CreateIndex
CREATE INDEX "app_instance_organization_id_idx" ON "app_instance"("organization_id");

-- CreateIndex
CREATE INDEX "instance_access_instance_id_idx" ON "instance_access"("instance_id");

-- CreateIndex
CREATE INDEX "api_key_organization_id_created_at_id_idx" ON "api_key"("organization_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "api_key_instance_id_created_at_id_idx" ON "api_key"("instance_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "api_key_app_id_created_at_id_idx" ON "api_key"("app_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "api_key_created_by_id_idx" ON "api_key"("created_by_id");

-- CreateIndex
CREATE INDEX "api_key_status_expires_at_idx" ON "api_key"("status", "expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "event_organization_id_version_key" ON "event"("organization_id", "version");

-- AddForeignKey
ALTER TABLE "member" ADD CONSTRAINT "member_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app" ADD CONSTRAINT "app_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app_instance" ADD CONSTRAINT "app_instance_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app_instance" ADD CONSTRAINT "app_instance_app_id_fkey" FOREIGN KEY ("app_id") REFERENCES "app"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app_instance" ADD CONSTRAINT "app_instance_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "member"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instance_access" ADD CONSTRAINT "instance_access_instance_id_fkey" FOREIGN KEY ("instance_id") REFERENCES "app_instance"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instance_access" ADD CONSTRAINT "instance_access_member_id_fkey" FOREIGN KEY ("member_id") REFERENCES "member"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_app_id_fkey" FOREIGN KEY ("app_id") REFERENCES "app"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_instance_id_fkey" FOREIGN KEY ("instance_id") REFERENCES "app_instance"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "member"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_revoked_by_id_fkey" FOREIGN KEY ("revoked_by_id") REFERENCES "member"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "key_digest" ADD CONSTRAINT "key_digest_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_key"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "key_use" ADD CONSTRAINT "key_use_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_key"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_actor_id_fkey" FOREIGN KEY ("actor_id") REFERENCES "member"("id") ON DELETE SET NULL ON UPDATE CASCADE;
