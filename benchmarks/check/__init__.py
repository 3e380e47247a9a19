"""How much of what goes wrong in Modal apps the preflight finds, and that it says nothing of apps that run.

apps/ holds twenty apps that run, plant*.py plants faults into them, measure.py counts, verify.py runs them.
"""
