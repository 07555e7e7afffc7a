"""Other people's SRResNets as PyTorch modules with their names; RGB [N, 3, H, W] in [0, 1] to the same."""

import torch

F, nn = torch.nn.functional, torch.nn


def conv(i, o, side, **options):
    return nn.Conv2d(i, o, side, padding=side // 2, **options)


class Named(nn.Module):
    """A module from its children, whose forward is a function of it."""

    def __init__(self, run, **children):
        super().__init__()
        self.run = run
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, x):
        return self.run(self, x)


def leftthomas(c=8, blocks=2, stages=2, body_norm=False):
    def block():
        return Named(
            lambda m, x: x + m.bn2(m.conv2(m.prelu(m.bn1(m.conv1(x))))),
            conv1=conv(c, c, 3), bn1=nn.BatchNorm2d(c), prelu=nn.PReLU(), conv2=conv(c, c, 3), bn2=nn.BatchNorm2d(c),
        )  # fmt: skip

    def up():
        return Named(lambda m, x: m.prelu(F.pixel_shuffle(m.conv(x), 2)), conv=conv(c, 4 * c, 3), prelu=nn.PReLU())

    children = {"block1": nn.Sequential(conv(3, c, 9), nn.PReLU())}
    children |= {f"block{i + 2}": block() for i in range(blocks)}
    children[f"block{blocks + 2}"] = nn.Sequential(conv(c, c, 3), nn.BatchNorm2d(c) if body_norm else nn.PReLU())
    children[f"block{blocks + 3}"] = nn.Sequential(*[up() for _ in range(stages)], conv(c, 3, 9))

    def run(m, x):
        parts = list(m.children())
        first = y = parts[0](x)
        for part in parts[1:-1]:
            y = part(y)
        return (torch.tanh(parts[-1](first + y)) + 1) / 2

    return Named(run, **children)


def sgrvinod(c=8, blocks=2, stages=2):
    def convolutional(i, o, side, *rest):
        return Named(lambda m, x: m.conv_block(x), conv_block=nn.Sequential(conv(i, o, side), *rest))

    def block():
        return Named(
            lambda m, x: x + m.conv_block2(m.conv_block1(x)),
            conv_block1=convolutional(c, c, 3, nn.BatchNorm2d(c), nn.PReLU()),
            conv_block2=convolutional(c, c, 3, nn.BatchNorm2d(c)),
        )

    def up():
        return Named(lambda m, x: m.prelu(F.pixel_shuffle(m.conv(x), 2)), conv=conv(c, 4 * c, 3), prelu=nn.PReLU())

    def run(m, x):
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        first = m.conv_block1((x - mean) / std)
        y = first + m.conv_block2(m.residual_blocks(first))
        return (m.conv_block3(m.subpixel_convolutional_blocks(y)) + 1) / 2

    return Named(
        run,
        conv_block1=convolutional(3, c, 9, nn.PReLU()),
        residual_blocks=nn.Sequential(*[block() for _ in range(blocks)]),
        conv_block2=convolutional(c, c, 3, nn.BatchNorm2d(c)),
        subpixel_convolutional_blocks=nn.Sequential(*[up() for _ in range(stages)]),
        conv_block3=convolutional(c, 3, 9, nn.Tanh()),
    )


def lornatang(c=8, blocks=2, stages=2):
    def block():
        layers = [conv(c, c, 3, bias=False), nn.BatchNorm2d(c), nn.PReLU(), conv(c, c, 3, bias=False)]
        return Named(lambda m, x: x + m.rcb(x), rcb=nn.Sequential(*layers, nn.BatchNorm2d(c)))

    def up():
        layers = [conv(c, 4 * c, 3), nn.PixelShuffle(2), nn.PReLU()]
        return Named(lambda m, x: m.upsample_block(x), upsample_block=nn.Sequential(*layers))

    def run(m, x):
        first = m.conv1(x)
        return m.conv3(m.upsampling(first + m.conv2(m.trunk(first))))

    return Named(
        run,
        conv1=nn.Sequential(conv(3, c, 9), nn.PReLU()),
        trunk=nn.Sequential(*[block() for _ in range(blocks)]),
        conv2=nn.Sequential(conv(c, c, 3, bias=False), nn.BatchNorm2d(c)),
        upsampling=nn.Sequential(*[up() for _ in range(stages)]),
        conv3=conv(c, 3, 9),
    )


def msrresnet(c=8, blocks=2, stages=2, factor=2):
    def block():
        return Named(lambda m, x: x + m.conv2(F.relu(m.conv1(x))), conv1=conv(c, c, 3), conv2=conv(c, c, 3))

    def run(m, x):
        y = m.body(F.leaky_relu(m.conv_first(x), 0.1))
        for i in range(stages):
            y = F.leaky_relu(F.pixel_shuffle(m.get_submodule(f"upconv{i + 1}")(y), factor), 0.1)
        y = m.conv_last(F.leaky_relu(m.conv_hr(y), 0.1))
        return y + F.interpolate(x, scale_factor=factor**stages, mode="bilinear", align_corners=False)

    ups = {f"upconv{i + 1}": conv(c, factor**2 * c, 3) for i in range(stages)}
    body = nn.Sequential(*[block() for _ in range(blocks)])
    return Named(run, conv_first=conv(3, c, 3), body=body, **ups, conv_hr=conv(c, c, 3), conv_last=conv(c, 3, 3))


def randomised(twin, seed=0):
    """Random statistics, slopes and norms too, so that nothing can be left out unseen."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in twin.state_dict().items():
        if value.dtype == torch.float32 and value.ndim < 4:
            low = 0.5 if name.endswith(("running_var", "weight")) else -0.3
            value.copy_(low + 0.6 * torch.rand(value.shape, generator=generator))
    return twin.eval()
