-- Events are deleted in one way: by this function, which deletes none of the last 30 days, whatever it is asked. (In hours: days would be those
-- of the caller's time zone.) It runs with the rights of the tables' owner, so that the role that serves needs none to delete events; what it
-- names is fixed, whatever the caller's search_path says.
CREATE FUNCTION "public"."delete_events_before"(moment TIMESTAMPTZ) RETURNS BIGINT
  LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before TIMESTAMPTZ := least(moment, now() - interval '720 hours');
  deleted BIGINT;
BEGIN
  PERFORM set_config('aura_keys.deletes_events', 'on', true);
  -- By organization, since the index on times begins with it.
  DELETE FROM public.event e USING public.organization o WHERE e.organization_id = o.id AND e.occurred_at < before;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  PERFORM set_config('aura_keys.deletes_events', '', true);
  RETURN deleted;
END $$;
REVOKE ALL ON FUNCTION "public"."delete_events_before"(TIMESTAMPTZ) FROM PUBLIC;

-- Any other deletion is refused. The setting can be made by whoever may delete, so it stops mistakes; a writer is stopped by having no right to
-- DELETE and TRUNCATE, as the role that serves in the README. That the last 30 days stay needs no setting.
CREATE FUNCTION "public"."event_stay"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('aura_keys.deletes_events', true) IS DISTINCT FROM 'on' THEN
    RAISE EXCEPTION 'events are deleted by delete_events_before alone';
  END IF;
  IF TG_OP = 'DELETE' THEN
    IF OLD.occurred_at >= now() - interval '720 hours' THEN
      RAISE EXCEPTION 'events of the last 30 days are never deleted';
    END IF;
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER event_stay BEFORE DELETE ON "event" FOR EACH ROW EXECUTE FUNCTION "public"."event_stay"();
CREATE TRIGGER event_stay_whole BEFORE TRUNCATE ON "event" FOR EACH STATEMENT EXECUTE FUNCTION "public"."event_stay"();
