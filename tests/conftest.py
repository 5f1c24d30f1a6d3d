"""What every test can stand on: the real starter model and the real server."""
