"""From photos on a disk to batches of crops: sources, inspection, crops, augmentation."""
