"""RRDBNet and SRVGGNetCompact as PyTorch modules with the names that their programs' files have."""

import torch
import torch.nn.functional as F
from torch import nn


def conv(i, o):
    return nn.Conv2d(i, o, 3, padding=1)


def lrelu(x):
    return F.leaky_relu(x, 0.2)


class Dense(nn.Module):
    def __init__(self, features, growth):
        super().__init__()
        for i in range(1, 6):
            self.add_module(f"conv{i}", conv(features + (i - 1) * growth, features if i == 5 else growth))

    def forward(self, x):
        seen = [x]
        for i in range(1, 5):
            seen.append(lrelu(self.get_submodule(f"conv{i}")(torch.cat(seen, 1))))
        return x + 0.2 * self.conv5(torch.cat(seen, 1))


class Block(nn.Module):
    def __init__(self, features, growth):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (Dense(features, growth) for _ in range(3))

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    def __init__(self, features=64, growth=32, blocks=23, scale=4):
        super().__init__()
        self.unshuffle = 4 // scale
        self.conv_first = conv(3 * self.unshuffle**2, features)
        self.body = nn.Sequential(*[Block(features, growth) for _ in range(blocks)])
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (conv(features, features) for _ in range(4))
        self.conv_last = conv(features, 3)

    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % self.unshuffle, 0, -height % self.unshuffle), "reflect")
        x = self.conv_first(F.pixel_unshuffle(x, self.unshuffle))
        x = x + self.conv_body(self.body(x))
        for up in (self.conv_up1, self.conv_up2):
            x = lrelu(up(F.interpolate(x, scale_factor=2, mode="nearest")))
        scale = 4 // self.unshuffle
        return self.conv_last(lrelu(self.conv_hr(x)))[:, :, : height * scale, : width * scale]


class Compact(nn.Module):
    def __init__(self, scale=4, features=64, convolutions=16):
        super().__init__()
        layers = [conv(3, features), nn.PReLU(features)]
        for _ in range(convolutions):
            layers += [conv(features, features), nn.PReLU(features)]
        self.scale, self.body = scale, nn.ModuleList([*layers, conv(features, 3 * scale**2)])

    def forward(self, x):
        y = x
        for layer in self.body:
            y = layer(y)
        return F.pixel_shuffle(y, self.scale) + F.interpolate(x, scale_factor=self.scale, mode="nearest")
