"""The real client against a real engine, where things go wrong."""
