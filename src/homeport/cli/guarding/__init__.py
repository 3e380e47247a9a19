"""`homeport guard`: which contract, the command that is followed, and what a violation does."""
