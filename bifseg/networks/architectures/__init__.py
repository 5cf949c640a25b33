"""The CNNs that bifseg trains, each as features and a classifier."""
