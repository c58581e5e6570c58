"""Files as others write them, opened without trust."""
