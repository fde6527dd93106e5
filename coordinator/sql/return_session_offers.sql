UPDATE queue SET offered_token = NULL, offered_session = NULL
 WHERE offered_token IS NOT NULL AND offered_session = ANY ($1::bigint[])
