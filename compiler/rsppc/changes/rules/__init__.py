"""What breaks somebody, one file per level: for whom, and which step of the version says so."""
