"""The front door: settings, the run graph, the run store, delivery and the command line."""
