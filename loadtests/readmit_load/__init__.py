"""Load on readmit, and the verdict on it."""
