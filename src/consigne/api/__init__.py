"""HTTP: each dialect is parsed to the domain and encoded back here, and nowhere else."""
