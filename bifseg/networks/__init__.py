"""Base CNNs: architectures, external weights, training, and the check that sessions leave them unchanged."""

import os

# oneDNN keeps a compiled kernel for each layer and each shape of a crop, by default 1024. Nearly every object has
# another shape, so that memory grows and few kernels are used again. 64 hold those that the layers of one step share.
# torch reads this variable before its first layer.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
