"""Hidden tests and what they say of a patch. Only the evaluation may look in here, never whoever proposes or chooses."""
