-- CreateIndex
CREATE INDEX "event_organization_id_occurred_at_idx" ON "event"("organization_id", "occurred_at");
