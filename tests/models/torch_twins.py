"""The networks written a second time, in PyTorch and from the papers, with the layer names of ours."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class ResidualBlock(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.conv_1 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm2d(features)
        self.prelu = nn.PReLU()
        self.conv_2 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm2d(features)

    def forward(self, x):
        return x + self.norm_2(self.conv_2(self.prelu(self.norm_1(self.conv_1(x)))))


class SRResNet(nn.Module):
    def __init__(self, scale=4, features=64, blocks=16, output="linear"):
        super().__init__()
        self.blocks, self.stages, self.output = blocks, {2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}[scale], output
        self.conv_first = nn.Conv2d(3, features, 9, padding=4)
        self.prelu_first = nn.PReLU()
        for i in range(blocks):
            self.add_module(f"block_{i}", ResidualBlock(features))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.norm_body = nn.BatchNorm2d(features)
        for i, r in enumerate(self.stages):
            self.add_module(f"upconv_{i}", nn.Conv2d(features, features * r * r, 3, padding=1))
            self.add_module(f"prelu_up_{i}", nn.PReLU())
        self.conv_last = nn.Conv2d(features, 3, 9, padding=4)

    def forward(self, x):
        first = y = self.prelu_first(self.conv_first(x))
        for i in range(self.blocks):
            y = self.get_submodule(f"block_{i}")(y)
        y = first + self.norm_body(self.conv_body(y))
        for i, r in enumerate(self.stages):
            y = F.pixel_shuffle(self.get_submodule(f"upconv_{i}")(y), r)
            y = self.get_submodule(f"prelu_up_{i}")(y)
        y = self.conv_last(y)
        return torch.tanh(y) if self.output == "tanh" else y


class ESPCN(nn.Module):
    def __init__(self, scale=4):
        super().__init__()
        self.scale = scale
        self.conv_first = nn.Conv2d(3, 64, 5, padding=2)
        self.conv_map = nn.Conv2d(64, 32, 3, padding=1)
        self.conv_last = nn.Conv2d(32, 3 * scale * scale, 3, padding=1)

    def forward(self, x):
        x = torch.tanh(self.conv_map(torch.tanh(self.conv_first(x))))
        return F.pixel_shuffle(self.conv_last(x), self.scale)


class SRCNN(nn.Module):
    def __init__(self, scale=4, kernels=(9, 1, 5)):
        super().__init__()
        self.scale = scale
        a, b, c = kernels
        self.conv_first = nn.Conv2d(3, 64, a, padding=a // 2)
        self.conv_map = nn.Conv2d(64, 32, b, padding=b // 2)
        self.conv_last = nn.Conv2d(32, 3, c, padding=c // 2)

    def forward(self, x):
        return self.conv_last(F.relu(self.conv_map(F.relu(self.conv_first(self.bicubic(x))))))

    def bicubic(self, x):
        # With antialias=True, PyTorch's kernel has MATLAB's a = −0.5; without, −0.75. The mirrored border is made here.
        margin = 4
        widths = [(0, 0), (0, 0), (margin, margin), (margin, margin)]
        x = torch.from_numpy(np.pad(x.numpy(), widths, mode="symmetric"))
        x = F.interpolate(x, scale_factor=self.scale, mode="bicubic", antialias=True)
        cut = margin * self.scale
        return x[:, :, cut:-cut, cut:-cut]


class Discriminator(nn.Module):
    def __init__(self, crop=96, features=64, global_pool=False):
        super().__init__()
        self.global_pool = global_pool
        width = 3
        for i in range(8):
            wider = features * 2 ** (i // 2)
            self.add_module(f"conv_{i}", nn.Conv2d(width, wider, 3, stride=1 + i % 2, padding=1, bias=i == 0))
            if i:
                self.add_module(f"norm_{i}", nn.BatchNorm2d(wider))
            width = wider
        self.dense_0 = nn.Linear(width * (1 if global_pool else (crop // 16) ** 2), 16 * features)
        self.dense_1 = nn.Linear(16 * features, 1)

    def forward(self, x):
        for i in range(8):
            x = self.get_submodule(f"conv_{i}")(x)
            x = F.leaky_relu(self.get_submodule(f"norm_{i}")(x) if i else x, 0.2)
        # Flattened in our order: rows, columns, channels.
        x = x.mean((2, 3)) if self.global_pool else x.permute(0, 2, 3, 1).flatten(1)
        return self.dense_1(F.leaky_relu(self.dense_0(x), 0.2))[:, 0]


class UNetDiscriminator(nn.Module):
    """Without the division by the largest singular values, which the test does to the weights."""

    def __init__(self, features=64):
        super().__init__()
        self.conv_0 = nn.Conv2d(3, features, 3, padding=1)
        for i in (1, 2, 3):
            self.add_module(f"conv_{i}", nn.Conv2d(features * 2 ** (i - 1), features * 2**i, 4, 2, 1, bias=False))
        for i in (4, 5, 6):
            wide = features * 2 ** (6 - i)
            self.add_module(f"conv_{i}", nn.Conv2d(2 * wide, wide, 3, padding=1, bias=False))
        self.conv_7 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.conv_8 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.conv_9 = nn.Conv2d(features, 1, 3, padding=1)

    def forward(self, x):
        x0 = F.leaky_relu(self.conv_0(x), 0.2)
        x1 = F.leaky_relu(self.conv_1(x0), 0.2)
        x2 = F.leaky_relu(self.conv_2(x1), 0.2)
        x = F.leaky_relu(self.conv_3(x2), 0.2)
        for i, skip in ((4, x2), (5, x1), (6, x0)):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(self.get_submodule(f"conv_{i}")(x), 0.2) + skip
        x = F.leaky_relu(self.conv_7(x), 0.2)
        return self.conv_9(F.leaky_relu(self.conv_8(x), 0.2))[:, 0]


class VGG(nn.Module):
    """All convolutions; forward gives every feature map by its name."""

    def __init__(self, depth):
        super().__init__()
        width = 3
        self.counts = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}[depth]
        for stage, count in enumerate(self.counts, start=1):
            for i in range(1, count + 1):
                wider = (64, 128, 256, 512, 512)[stage - 1]
                self.add_module(f"conv{stage}_{i}", nn.Conv2d(width, wider, 3, padding=1))
                width = wider

    def forward(self, signed):
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        x, features = ((signed + 1) / 2 - mean) / std, {}
        for stage, count in enumerate(self.counts, start=1):
            if stage > 1:
                x = F.max_pool2d(x, 2)
            for i in range(1, count + 1):
                x = features[f"conv{stage}_{i}"] = self.get_submodule(f"conv{stage}_{i}")(x)
                x = features[f"relu{stage}_{i}"] = F.relu(x)
        return features


def parameter_count(twin):
    return sum(p.numel() for p in twin.parameters())


def load(twin, variables):
    """Put Flax variables into a twin, every tensor used and every tensor filled."""
    names = {"kernel": "weight", "scale": "weight", "slope": "weight", "mean": "running_mean", "var": "running_var"}
    state = {name: value for name, value in twin.state_dict().items() if name.endswith("num_batches_tracked")}

    def walk(tree, path):
        for name, value in tree.items():
            if isinstance(value, dict):
                walk(value, (*path, name))
                continue
            value = np.asarray(value)
            if name == "kernel":
                value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
            # A slope shared by all channels is a scalar in ours and one element in PyTorch.
            state[".".join((*path, names.get(name, name)))] = torch.from_numpy(np.array(np.atleast_1d(value)))

    for collection in variables.values():
        walk(collection, ())
    twin.load_state_dict(state, strict=True)
    return twin
