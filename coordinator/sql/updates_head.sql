-- Changes with what new versions and marks are decided by.
SELECT coalesce((SELECT max(revision) FROM catalog_reach), 0) AS reach,
       coalesce((SELECT max(revision) FROM catalog_detections), 0) AS detections,
       coalesce((SELECT max(id) FROM releases), 0) AS releases
