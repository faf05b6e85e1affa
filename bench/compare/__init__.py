"""The gateway beside its limit and its peers: the same questions over the same data, in turn, in one run."""
