//! Patches of Kubernetes objects.
