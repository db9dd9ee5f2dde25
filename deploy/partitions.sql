-- Segments by month and events by day, in PostgreSQL. docs/scaling.md says when it pays and how to run it.
-- Run once, with all of VMS stopped, as the user that owns the tables; then vms_partition every day.

-- Make the partitions of a table for so many steps from now on; those that are there are left alone.
CREATE FUNCTION vms_partition(parent text, step text, ahead integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
BEGIN
    FOR number IN 0..ahead LOOP
        since := date_trunc(step, now(), 'UTC') + number * ('1 ' || step)::interval;
        IF to_regclass(parent || to_char(since AT TIME ZONE 'UTC', '_YYYYMMDD')) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parent || to_char(since AT TIME ZONE 'UTC', '_YYYYMMDD'), parent,
                since, since + ('1 ' || step)::interval
            );
        END IF;
    END LOOP;
END $$;

BEGIN;
SET LOCAL timezone TO 'UTC';

-- Segments. What is there becomes the partition of the past, as it is: nothing is copied.
ALTER TABLE cameras_segment RENAME TO cameras_segment_past;
ALTER TABLE cameras_segment_past DROP CONSTRAINT cameras_segment_pkey;
ALTER TABLE cameras_segment_past DROP CONSTRAINT segment_file_once;
ALTER INDEX segment_stream_span RENAME TO segment_stream_span_past;
ALTER TABLE cameras_segment_past ALTER COLUMN id DROP IDENTITY;
CREATE TABLE cameras_segment (
    LIKE cameras_segment_past INCLUDING CONSTRAINTS,
    PRIMARY KEY (id, begin),
    FOREIGN KEY (stream_id) REFERENCES cameras_stream DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (folder_id) REFERENCES cameras_archivefolder DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT segment_file_once UNIQUE (folder_id, path, begin)
) PARTITION BY RANGE (begin);
CREATE INDEX segment_stream_span ON cameras_segment (stream_id, begin, "end");
CREATE SEQUENCE cameras_segment_ids OWNED BY cameras_segment.id;
SELECT setval('cameras_segment_ids', coalesce(max(id), 0) + 1, false) FROM cameras_segment_past;
ALTER TABLE cameras_segment ALTER COLUMN id SET DEFAULT nextval('cameras_segment_ids');

-- Events, in the same way.
ALTER TABLE push_event RENAME TO push_event_past;
ALTER TABLE push_event_past DROP CONSTRAINT push_event_pkey;
ALTER TABLE push_event_past DROP CONSTRAINT event_user_number;
ALTER INDEX event_created RENAME TO event_created_past;
ALTER INDEX event_unsent RENAME TO event_unsent_past;
ALTER TABLE push_event_past ALTER COLUMN id DROP IDENTITY;
CREATE TABLE push_event (
    LIKE push_event_past INCLUDING CONSTRAINTS,
    PRIMARY KEY (id, created_at),
    FOREIGN KEY (user_id) REFERENCES accounts_user DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT event_user_number UNIQUE (user_id, number, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX event_created ON push_event (created_at);
CREATE INDEX event_unsent ON push_event (id) WHERE sent_at IS NULL;
CREATE SEQUENCE push_event_ids OWNED BY push_event.id;
SELECT setval('push_event_ids', coalesce(max(id), 0) + 1, false) FROM push_event_past;
ALTER TABLE push_event ALTER COLUMN id SET DEFAULT nextval('push_event_ids');

-- The past ends where this month, or this day, begins anew; rows of the current one move over.
DO $$
DECLARE
    month timestamptz := date_trunc('month', now(), 'UTC');
    day timestamptz := date_trunc('day', now(), 'UTC');
BEGIN
    PERFORM vms_partition('cameras_segment', 'month', 2);
    PERFORM vms_partition('push_event', 'day', 7);
    -- What no partition has, such as a recorder whose clock is years ahead, is not refused.
    CREATE TABLE cameras_segment_rest PARTITION OF cameras_segment DEFAULT;
    CREATE TABLE push_event_rest PARTITION OF push_event DEFAULT;
    WITH moved AS (DELETE FROM cameras_segment_past WHERE begin >= month RETURNING *)
    INSERT INTO cameras_segment SELECT * FROM moved;
    WITH moved AS (DELETE FROM push_event_past WHERE created_at >= day RETURNING *)
    INSERT INTO push_event SELECT * FROM moved;
    SET CONSTRAINTS ALL IMMEDIATE;
    EXECUTE format('ALTER TABLE cameras_segment ATTACH PARTITION cameras_segment_past '
        'FOR VALUES FROM (MINVALUE) TO (%L)', month);
    EXECUTE format('ALTER TABLE push_event ATTACH PARTITION push_event_past '
        'FOR VALUES FROM (MINVALUE) TO (%L)', day);
END $$;
COMMIT;
