"""Where something in a run came from: a variable, an argument, a value of a configuration, a file.

Values in, values out: of a run's record and the sources that its mounts brought, which a function reads.
What Python did was noted while it ran (notes of the launcher and of the containers); what it did unheard,
such as a change of a copied environment, is found by reading the source, and says so.
"""
