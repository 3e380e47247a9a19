def threshold(picture):
    return picture > (picture.max() + picture.min()) / 2
