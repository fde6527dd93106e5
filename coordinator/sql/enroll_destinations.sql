INSERT INTO publish_destinations (name)
SELECT d.name FROM unnest($1::text[]) AS d (name)
    ON CONFLICT (name) DO NOTHING
