"""Chat models: the contract, the OpenAI-compatible client behind it, and what surrounds a call (budget, journal, prices)."""
