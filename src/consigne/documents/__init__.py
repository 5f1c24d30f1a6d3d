"""Documents: files that people give to a conversation or a project, read, cut and searched."""
