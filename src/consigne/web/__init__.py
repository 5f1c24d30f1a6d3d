"""The web app: static files, served as they are."""
