"""The commands that make the figures of the page of results."""

_EVALUATE = "python scripts/evaluate.py --data tests/data/Set5 tests/data/Set14 Kodak24"
# {what: command}.
COMMANDS = {
    "scores": f"{_EVALUATE} --model srcnn espcn srresnet --json docs/results/scores/models.json",
    "scores of interpolations": (
        f"{_EVALUATE} --model nearest bilinear bicubic --json docs/results/scores/interpolations.json"
    ),
    "scores of back-projection": (
        f"{_EVALUATE} --model bicubic --back-project 10 --json docs/results/scores/back_projection.json"
    ),
    "scores over the strength": (
        "python scripts/evaluate.py --data tests/data/Set5 tests/data/Set14 --model srgan "
        "--strength 0,0.25,0.5,0.75,1 --json docs/results/scores/strength.json"
    ),
    "the same on Kodak24": (
        "python scripts/evaluate.py --data Kodak24 --model srgan --strength 0.5,1 "
        "--json docs/results/scores/strength_kodak.json"
    ),
    "side by side": (
        "python scripts/evaluate.py --model bicubic espcn srcnn srresnet srgan --data tests/data/Set5 tests/data/Set14 "
        "--sheet sheet.png"
    ),
    "real photos": (
        "python scripts/evaluate.py --data Kodak24 --lr web phone old --lpips alex --model bicubic srresnet srgan "
        "srresnet_real srgan_real realesrgan-x4plus.safetensors --json docs/results/real.json"
    ),
    "their networks on clean photos": (
        "python scripts/evaluate.py --data tests/data/Set5 --lpips alex --model srresnet_real srgan_real "
        "--json docs/results/scores/real_networks.json"
    ),
    "real photos side by side, of a folder Kodak24 with kodim19 and kodim23 alone": (
        "python scripts/evaluate.py --data Kodak24 --lr web phone old --model srresnet srresnet_real srgan_real "
        "realesrgan-x4plus.safetensors --sheet sheet.png"
    ),
    "speed": (
        "python benchmarks/models.py --models nearest bilinear bicubic srcnn espcn srresnet srgan --rounds 3 "
        "--json docs/results/speed.json"
    ),
    "the same run in PyTorch": "python benchmarks/twins.py --steps 150 --json docs/results/twins.json",
    "more crops, ESPCN; also --steps 1500 --warmup 125, and --steps 6000 --warmup 500": (
        "python scripts/train.py --config espcn --data wallpapers BSDS399 T91 --workdir runs/espcn375 --steps 375 "
        "--warmup 31"
    ),
    "more crops, SRResNet; also --steps 625 --warmup 25, and --steps 2500 --warmup 100": (
        "python scripts/train.py --config srresnet_short --data wallpapers BSDS399 T91 --workdir runs/short156 "
        "--steps 156 --warmup 6"
    ),
    "their scores": (
        "python scripts/evaluate.py --data tests/data/Set5 --model runs/espcn375 runs/espcn1500 runs/espcn6000 espcn "
        "runs/short156 runs/short625 runs/short2500 srresnet --json docs/results/budgets.json"
    ),
    "the curve of each training below": (
        "python scripts/report.py add-run --run RUN --name NAME --title TITLE --command COMMAND"
    ),
    "one change at a time": (
        "python benchmarks/recipes.py --data wallpapers BSDS399 T91 --validation Kodak8 --devices 1"
    ),
    "one change at a time, from the bundled srresnet, with wallpapers reduced by half": (
        "python benchmarks/recipes.py --group continued --data wallpapers_half BSDS399 T91 --validation Kodak8"
    ),
    "one change at a time, from the bundled srgan, with wallpapers reduced by half": (
        "python benchmarks/recipes.py --group srgan --data wallpapers_half BSDS399 T91 --validation gb82"
    ),
}
