//! Random use against a simple model.
