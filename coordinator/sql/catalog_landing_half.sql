-- Held until the page is landed: keying changes halves only between pages.
SELECT half FROM catalog_landing_half FOR SHARE
