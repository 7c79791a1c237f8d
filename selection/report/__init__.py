"""How well policies choose, on stored pools. The only place that knows which candidates are right."""
