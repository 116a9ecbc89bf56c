-- AlterTable
ALTER TABLE "node" ADD COLUMN     "known_ids" TEXT[] DEFAULT ARRAY[]::TEXT[];
