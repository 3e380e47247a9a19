"""What runs in the throw-away process that loads an app: standard library only, on the Python of the user's
own modal client, 3.9 or later. load.py is its main program.
"""
