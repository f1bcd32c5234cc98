"""What the benchmark computes, and what its server promises the contenders."""
