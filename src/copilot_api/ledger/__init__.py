"""What was spent, request by request: written beside the data directory's token, never with content."""
