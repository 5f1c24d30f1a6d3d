"""The command ``consigne``."""
