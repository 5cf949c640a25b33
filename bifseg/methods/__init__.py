"""The contract of a method, BIFSeg and its ablation, the traditional tools, methods in other processes."""
