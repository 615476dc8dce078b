"""The command line: reads files, prints, exits. stdout carries the result alone, the rest goes to stderr."""
