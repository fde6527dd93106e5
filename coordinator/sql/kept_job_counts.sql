SELECT up_to_id, built, partial, nothing_to_build, failed, cancelled FROM job_counts
