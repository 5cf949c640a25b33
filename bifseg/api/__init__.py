"""The functions of `import bifseg`: files to read, one session in this process, and finished runs to evaluate."""
