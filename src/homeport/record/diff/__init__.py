"""What differs between two runs, the most likely cause first.

Values in, values out. Each part of a record has a file that lists its differences; compare.py puts them in
order. What differs in any two runs is no difference: ids, pids, times, and the order of lists that have none.
"""
