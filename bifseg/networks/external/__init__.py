"""Networks trained elsewhere: TorchScript programs and MONAI bundles."""
