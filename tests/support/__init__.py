"""What tests share: accounts, engines, commands, and the search for what was left behind."""
