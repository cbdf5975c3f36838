-- The checksum (CRC-32C) of a file's packed fragments: SQLite's pages have none, and a bit that flips in them is another
-- fragment's number. Rows of older versions have none.
ALTER TABLE packed ADD COLUMN crc32c INTEGER;
