"""Crops as super-resolution programs in PyTorch read them: DataLoader workers decode a photo for each crop."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from comparison import CORES
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Crops(Dataset):
    """One random crop of a photo file for each index."""

    def __init__(self, folder: Path, crop: int):
        self.paths, self.crop = sorted(folder.glob("*.jpg")), crop

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> torch.Tensor:
        """uint8 [3, crop, crop]."""
        rng = np.random.default_rng(index)
        with Image.open(self.paths[index % len(self.paths)]) as photo:
            left, top = (int(rng.integers(length - self.crop + 1)) for length in photo.size)
            cut = photo.convert("RGB").crop((left, top, left + self.crop, top + self.crop))
        return torch.from_numpy(np.array(cut)).permute(2, 0, 1)


def batches(folder: Path, *, crop: int, batch_size: int) -> Iterator[torch.Tensor]:
    """Batches uint8 [B, 3, crop, crop], with a worker process for each core."""
    return iter(DataLoader(Crops(folder, crop), batch_size, num_workers=CORES, persistent_workers=True))
