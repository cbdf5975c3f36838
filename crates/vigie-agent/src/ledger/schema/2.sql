-- Entries of a stream by their begin: a page of them is read without the others.
CREATE INDEX entry_by_begin ON entry (stream, from_ms, id);
