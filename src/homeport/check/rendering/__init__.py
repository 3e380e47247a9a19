"""What the preflight found, in the forms that people and programs read. No I/O: text in, text out."""
