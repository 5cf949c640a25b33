"""What `import bifseg` offers beyond the rooms' own classes: one session in this process, and runs to read."""
