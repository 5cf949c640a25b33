"""The CNNs that bifseg trains, each split into features and a classifier."""
