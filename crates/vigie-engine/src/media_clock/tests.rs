//! The time line under drift, jitter, steps and jumps.
