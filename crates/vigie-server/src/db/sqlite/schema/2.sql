-- What streams deliver: images to a bucket, notifications to a topic. JSON as the caller sent it.

ALTER TABLE stream ADD COLUMN image_generation_json TEXT;
ALTER TABLE stream ADD COLUMN notification_json TEXT;
