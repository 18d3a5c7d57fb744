"""An ordered set of notebooks, one per section, over one lab: parameters, replay, checks, run and report."""
