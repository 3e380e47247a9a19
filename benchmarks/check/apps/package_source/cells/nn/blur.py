from scipy import ndimage


def blur(picture, sigma):
    return ndimage.gaussian_filter(picture, sigma)
