"""The node agent: the shell around the protocol, and what a process needs to run it."""
