-- What the farm's oldest jobs came to: all of those with ids up to up_to_id have ended, for good. The rest is counted
-- when it is asked for.
CREATE TABLE job_counts (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    up_to_id         bigint NOT NULL DEFAULT 0,
    built            bigint NOT NULL DEFAULT 0,
    partial          bigint NOT NULL DEFAULT 0,
    nothing_to_build bigint NOT NULL DEFAULT 0,
    failed           bigint NOT NULL DEFAULT 0,
    cancelled        bigint NOT NULL DEFAULT 0
);
INSERT INTO job_counts DEFAULT VALUES;
