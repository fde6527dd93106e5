SELECT name FROM publish_destinations WHERE paused
