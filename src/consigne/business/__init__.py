"""Who may do what: organisations, members, sessions, keys."""
