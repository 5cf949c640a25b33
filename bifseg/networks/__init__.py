"""Base CNNs: architectures, external weights, training, and the check that sessions leave them unchanged."""

import os

# oneDNN keeps a compiled kernel for each layer and each shape of a crop, by default 1024. Nearly every object has
# another shape, so memory grows and few kernels are used again but by layers of one step, which 64 hold.
# torch reads this variable before its first layer.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
