"""What a model can do in a sandbox: few tools, comfortable for a model, with every observation bounded."""
