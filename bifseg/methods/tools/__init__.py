"""The traditional tools that the paper compares with."""
