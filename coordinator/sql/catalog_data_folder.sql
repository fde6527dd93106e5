-- Where PostgreSQL keeps its data, when it stands on this host and this role may know it.
SELECT setting FROM pg_settings
 WHERE name = 'data_directory' AND coalesce(inet_server_addr() = inet_client_addr(), true)
