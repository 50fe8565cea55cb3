"""What Allen publishes: manifests, their order, what changed from one to the next, and the bucket they are in."""
