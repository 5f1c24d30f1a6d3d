"""Generation on this machine: engines, the processes they live in, the models they load."""
