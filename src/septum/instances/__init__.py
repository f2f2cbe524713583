"""From "which pixels" to "which object": splitting, measuring and following single objects, on arrays."""
