"""The engine inside other programs, one module per kind of host."""
