"""Edit operators, by what they change. Each yields `(start, end, text, weight)` for one node of one function."""
