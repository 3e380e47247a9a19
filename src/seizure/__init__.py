"""EEG seizure detection: from EDF recordings to scored events.

`python -m seizure --help` lists the commands.
"""
