def dice(found, truth):
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))
