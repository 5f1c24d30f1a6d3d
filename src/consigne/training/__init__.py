"""Training: models made from data, by one command each (needs the extra ``train``)."""
