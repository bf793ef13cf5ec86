"""Objects of a runtime held against the contracts: one by one, in streams, in folders of fixtures; and the freeze."""
