def make_ratings(rng, users=20, items=12):
    return (rng.normal(size=(users, 3)) @ rng.normal(size=(3, items))).round(1)
