"""Base CNNs: architectures, weights from elsewhere, training, and the check that they stay as they were."""

import os

# oneDNN keeps a compiled kernel for each layer and each shape of a crop, 1024 of them by default. Every object has a
# shape of its own, so that they are hardly ever used again and memory grows. torch reads this before its first layer.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8")
