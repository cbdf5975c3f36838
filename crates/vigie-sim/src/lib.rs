//! Simulated clock, disk, link and camera; scenarios and random-seed tests.
