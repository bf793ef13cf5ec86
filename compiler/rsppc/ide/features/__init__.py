"""One feature of an editor in each file, exported as `FEATURE`: a function of a project, a path, mostly an offset."""
