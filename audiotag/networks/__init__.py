"""Networks from log-mel to logits: `base` has the interface and the registry, every other entry is one network."""
