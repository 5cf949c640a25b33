"""BIFSeg, BIFSeg(-w), base + CRF and the base network."""
