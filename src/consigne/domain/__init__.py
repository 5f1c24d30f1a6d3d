"""The terms every other room speaks in: frozen values, no IO, no third-party framework."""
