import modal

add = modal.Function.from_name("deployed-embeddings", "add")
nearest = modal.Function.from_name("deployed-embeddings", "nearest")

if __name__ == "__main__":
    print(add.remote(["a cat on a mat", "seven dogs", "xylophone"]), "texts")
    call = nearest.spawn("cats")
    print(call.get(timeout=120))
