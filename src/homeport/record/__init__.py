"""What is known of a run, and what can be said of it: records, notes, contracts, explanations, differences.

Values only: nothing here asks the engine or reads a home. control/runs collects, cli/ and web/ show.
"""
