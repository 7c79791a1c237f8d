"""One try by a language model: the loop that reproduces, edits, runs, looks and tries again."""
