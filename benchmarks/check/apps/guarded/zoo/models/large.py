from zoo.models import small


class Network(small.Network):
    width = 24
