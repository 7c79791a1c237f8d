"""Tasks of SWE-bench and its look-alikes: records that may be shown to whoever solves them, and gold that may not."""
