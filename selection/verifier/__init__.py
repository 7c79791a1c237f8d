"""A learned verifier: how likely a patch is right, from the issue, the patch and its rivals; no model endpoint, no execution."""
