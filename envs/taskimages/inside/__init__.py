"""Programs that run while an image is built."""
