-- What plans and reports ask for without reading a row for each media file: totals of each stream, and closed files by
-- their end. Kept by triggers, so that nothing that changes a media file can forget them.

-- Closed media files of a stream, together. What is open is added by whoever asks: it is a file or two.
-- The widths are those of the widest file there has been: no file that holds a value begins further before it.
CREATE TABLE stream_total (
    stream_id               INTEGER PRIMARY KEY,
    media_file_count        INTEGER NOT NULL DEFAULT 0,
    size_bytes              INTEGER NOT NULL DEFAULT 0,
    fragment_count          INTEGER NOT NULL DEFAULT 0,
    not_uploaded_count      INTEGER NOT NULL DEFAULT 0,
    not_uploaded_size_bytes INTEGER NOT NULL DEFAULT 0,
    sequence_width          INTEGER NOT NULL DEFAULT 0,
    producer_width          INTEGER NOT NULL DEFAULT 0,
    server_width            INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO stream_total (stream_id) SELECT id FROM stream;
INSERT OR REPLACE INTO stream_total
    SELECT stream_id, count(*), sum(size_bytes), sum(fragment_count), sum(not_uploaded_count),
           sum(not_uploaded_size_bytes), coalesce(max(sequence_max - sequence_min), 0),
           coalesce(max(producer_max - producer_min), 0), coalesce(max(server_max - server_min), 0)
    FROM media_file WHERE state <> 0 GROUP BY stream_id;

-- Files whose entries are gone and which may still be on the disk. A row comes with the deletion, and goes with some
-- later transaction, once the file is gone.
CREATE TABLE removal (
    media_file_id INTEGER PRIMARY KEY,
    path          TEXT NOT NULL
) STRICT;

-- 1 where no other media ends just before the file begins: the first file behind a gap.
ALTER TABLE media_file ADD COLUMN follows_gap INTEGER NOT NULL DEFAULT 0;
UPDATE media_file SET follows_gap = 1 WHERE id IN (
    SELECT id FROM (
        SELECT id, producer_min - lag(producer_until)
                   OVER (PARTITION BY stream_id ORDER BY producer_min) AS gap_ms
        FROM media_file WHERE state <> 0)
    WHERE gap_ms IS NULL OR gap_ms >= 500);

-- Numbers of media files are handed out some at a time from now on. Before, a crash could leave files behind whose
-- numbers were not noted yet: they are passed over.
INSERT INTO meta (name, value) SELECT 'next_media_file_id', 1000001 WHERE EXISTS (SELECT 1 FROM stream)
    ON CONFLICT (name) DO UPDATE SET value = value + 1000000;

CREATE INDEX media_file_end_uploaded ON media_file (stream_id, producer_until)
    WHERE state <> 0 AND not_uploaded_count = 0;
CREATE INDEX media_file_end_not_uploaded ON media_file (stream_id, producer_until)
    WHERE state <> 0 AND not_uploaded_count > 0;
CREATE INDEX media_file_end_gap ON media_file (stream_id, producer_until)
    WHERE state <> 0 AND not_uploaded_count > 0 AND follows_gap = 1;

CREATE TRIGGER stream_created AFTER INSERT ON stream BEGIN
    INSERT INTO stream_total (stream_id) VALUES (NEW.id);
END;

CREATE TRIGGER stream_deleted AFTER DELETE ON stream BEGIN
    DELETE FROM stream_total WHERE stream_id = OLD.id;
END;

CREATE TRIGGER media_file_created AFTER INSERT ON media_file WHEN NEW.state <> 0 BEGIN
    UPDATE stream_total SET
        media_file_count = media_file_count + 1,
        size_bytes = size_bytes + NEW.size_bytes,
        fragment_count = fragment_count + NEW.fragment_count,
        not_uploaded_count = not_uploaded_count + NEW.not_uploaded_count,
        not_uploaded_size_bytes = not_uploaded_size_bytes + NEW.not_uploaded_size_bytes,
        sequence_width = max(sequence_width, coalesce(NEW.sequence_max - NEW.sequence_min, 0)),
        producer_width = max(producer_width, coalesce(NEW.producer_max - NEW.producer_min, 0)),
        server_width = max(server_width, coalesce(NEW.server_max - NEW.server_min, 0))
    WHERE stream_id = NEW.stream_id;
END;

-- A closed file never opens again; nothing of an open one is in the totals.
CREATE TRIGGER media_file_closed AFTER UPDATE OF state, size_bytes, fragment_count, not_uploaded_count,
    not_uploaded_size_bytes, sequence_min, sequence_max, producer_min, producer_max, server_min, server_max
    ON media_file WHEN NEW.state <> 0 BEGIN
    UPDATE stream_total SET
        media_file_count = media_file_count + (OLD.state = 0),
        size_bytes = size_bytes + NEW.size_bytes - iif(OLD.state = 0, 0, OLD.size_bytes),
        fragment_count = fragment_count + NEW.fragment_count - iif(OLD.state = 0, 0, OLD.fragment_count),
        not_uploaded_count = not_uploaded_count + NEW.not_uploaded_count
            - iif(OLD.state = 0, 0, OLD.not_uploaded_count),
        not_uploaded_size_bytes = not_uploaded_size_bytes + NEW.not_uploaded_size_bytes
            - iif(OLD.state = 0, 0, OLD.not_uploaded_size_bytes),
        sequence_width = max(sequence_width, coalesce(NEW.sequence_max - NEW.sequence_min, 0)),
        producer_width = max(producer_width, coalesce(NEW.producer_max - NEW.producer_min, 0)),
        server_width = max(server_width, coalesce(NEW.server_max - NEW.server_min, 0))
    WHERE stream_id = NEW.stream_id;
END;

CREATE TRIGGER media_file_deleted AFTER DELETE ON media_file WHEN OLD.state <> 0 BEGIN
    UPDATE stream_total SET
        media_file_count = media_file_count - 1,
        size_bytes = size_bytes - OLD.size_bytes,
        fragment_count = fragment_count - OLD.fragment_count,
        not_uploaded_count = not_uploaded_count - OLD.not_uploaded_count,
        not_uploaded_size_bytes = not_uploaded_size_bytes - OLD.not_uploaded_size_bytes
    WHERE stream_id = OLD.stream_id;
END;
