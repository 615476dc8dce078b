"""What the answers of an API server say about its node. Pure: it is handed the time and the answers."""
