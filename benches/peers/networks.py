"""The networks in PyTorch, with convolutions in the order of ours, so that they take our weights."""
import torch
from torch.nn import Conv2d, Dropout, MaxPool2d, ReLU, Sequential
from torch.nn.functional import interpolate, pad, relu

from exported import numbers


class VggSmall(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for width in [16, "M", 32, "M", 128, 128, "M", 256, 256]:
            if width == "M":
                layers.append(MaxPool2d(2))
            else:
                layers += [Conv2d(channels, width, 3, padding=1), ReLU()]
                channels = width
        self.body = Sequential(*layers, Conv2d(channels, 2, 1))

    def forward(self, x):
        return self.body(x / 255).mean((2, 3))


class DnCnn(torch.nn.Module):
    """Residual; its dropout, which only trainings have, is left out."""

    def __init__(self, width=32, depth=8):
        super().__init__()
        layers = [Conv2d(1, width, 3, padding=1), ReLU()]
        for _ in range(depth - 2):
            layers += [Conv2d(width, width, 3, padding=1), ReLU()]
        self.body = Sequential(*layers, Conv2d(width, 1, 3, padding=1))

    def forward(self, x):
        return x - self.body(x)


class UNet(torch.nn.Module):
    def __init__(self, base=32, depth=4, dropout=0.2):
        super().__init__()
        widths = [base << level for level in range(depth)]
        down = [twice(a, b) for a, b in zip([1, *widths], widths)]
        up = [(Conv2d(2 * w, w, 2), twice(2 * w, w)) for w in reversed(widths[:-1])]
        self.down = torch.nn.ModuleList(down)
        self.up = torch.nn.ModuleList(torch.nn.ModuleList(pair) for pair in up)
        self.last = Conv2d(base, 1, 1)
        self.pool, self.dropout = MaxPool2d(2), Dropout(dropout)

    def forward(self, x):
        skips = []
        for level, layers in enumerate(self.down):
            if level:
                skips.append(x)
                x = self.dropout(self.pool(x))
            x = layers(x)
        for halve, layers in self.up:
            # A 2x2 convolution keeps the size by reaching further to the right and down.
            x = relu(halve(pad(interpolate(x, scale_factor=2), (0, 1, 0, 1))))
            x = layers(self.dropout(torch.cat([skips.pop(), x], 1)))
        return self.last(x)


def twice(channels, width):
    return Sequential(Conv2d(channels, width, 3, padding=1), ReLU(), Conv2d(width, width, 3, padding=1), ReLU())


NETWORKS = {"vgg-small": VggSmall, "unet": UNet, "dncnn": DnCnn}


def network(name, folder, weights=None):
    """A network for predictions with our weights, those of `<name>.weights` if no other file is named."""
    model = NETWORKS[name]().eval()
    values = torch.from_numpy(numbers(folder, weights or f"{name}.weights"))
    parameters = list(model.parameters())
    for parameter, part in zip(parameters, values.split([p.numel() for p in parameters])):
        parameter.data = part.view_as(parameter).clone()
    return model
