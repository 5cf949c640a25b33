"""The four names of timm that LiteMedSAM's image encoder imports.

timm itself needs torchvision, whose packages come with the GPU build of torch.
"""
